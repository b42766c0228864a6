"""The component that is an ECR repository of the program's own."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from image_assets.aws import lifecycle
from image_assets.aws.names import arn_of, name_problem, repository_name
from image_assets.components import refusals
from image_assets.components.component import Component
from image_assets.components.grant_checks import TWINS, twin_problems
from image_assets.components.grants import declared_grants, take_twins
from image_assets.errors import AssetError, InputError, Problem
from image_assets.inputs.grant_fields import GRANTS_FIELDS
from image_assets.inputs.repository_fields import IMAGE_REPOSITORY_FIELDS, MOST_MUTABLE_TAGS
from image_assets.inputs.types import problems
from image_assets.inputs.wording import unknown_names
from image_assets.protocol.monitor import Resource
from image_assets.protocol.outputs import Output, all_of
from image_assets.values import UNKNOWN, has_unknown, reveal

TOKEN = "image-assets:index:ImageRepository"  # noqa: S105 - a resource type
REPOSITORY = "aws:ecr/repository:Repository"
LIFECYCLE_POLICY = "aws:ecr/lifecyclePolicy:LifecyclePolicy"
AUTHORIZATION_TOKEN = "aws:ecr/getAuthorizationToken:getAuthorizationToken"  # noqa: S105 - a function

#: Which properties of the children the component's inputs end up in.
REPOSITORY_PROPERTIES = {
    "repositoryName": "name",
    "scanOnPush": "imageScanningConfiguration",
    "encryption": "encryptionConfigurations",
    "forceDelete": "forceDelete",
    "mutableTags": "imageTagMutabilityExclusionFilters",
    "tags": "tags",
}
LIFECYCLE_PROPERTIES = {"retention": "policy"}


async def make_repository(new: Component, given: Mapping[str, Output]) -> Component:
    """Make a repository with tags that cannot change, and a lifecycle that removes only what has none.

    Raises:
        InputError: With every problem of the inputs that are known.
        MonitorError: The aws provider does not tell its registry.
    """
    inputs = dict(given)
    twins = take_twins(inputs)
    try:
        # What comes from a resource that could not be made is missing.
        if not new.options.failed:
            refuse_bad({key: output.value for key, output in given.items()})
        host = await registry_host(new)
    except AssetError as error:
        await refusals.tell(new, given, error)
        raise
    component = await new.registered()
    repository = await _repository(component, inputs)
    policy = await _lifecycle(component, inputs, repository)
    component = replace(component, resources=frozenset({repository.urn, policy.urn}))
    outputs = _outputs(component, host, repository)
    component, _ = await asyncio.gather(
        component.finished(outputs), declared_grants(component, outputs["repositoryUrl"], twins)
    )
    return component


async def _repository(component: Component, inputs: Mapping[str, Output]) -> Resource:
    name, mutable = inputs.get("repositoryName", Output()), inputs.get("mutableTags", Output())
    request = component.child(REPOSITORY, component.name, REPOSITORY_PROPERTIES)
    # Two repositories cannot have one name at the same time.
    request.deleteBeforeReplace = request.deleteBeforeReplaceDefined = True
    if not name.value:
        # The default is for a new repository: under another name of the stack or the resource it keeps the one it has.
        name = Output(repository_name(component.deployment.project, component.deployment.stack, component.name))
        request.ignoreChanges.append("name")
    made = await component.make(
        request,
        {
            "name": name,
            "imageTagMutability": mutable.map(lambda tags: "IMMUTABLE_WITH_EXCLUSION" if tags else "IMMUTABLE"),
            "imageTagMutabilityExclusionFilters": mutable.map(_filters),
            "imageScanningConfiguration": inputs.get("scanOnPush", Output()).map(
                lambda scan: {"scanOnPush": True if scan is None else scan}
            ),
            "encryptionConfigurations": inputs.get("encryption", Output()).map(_encryptions),
            "forceDelete": inputs.get("forceDelete", Output()),
            "tags": inputs.get("tags", Output()),
        },
    )
    # Not every provider says in a preview what it will be.
    return made if made.output("name").is_known else replace(made, outputs={**made.outputs, "name": name.value})


def _filters(tags: Sequence[str] | None) -> list[dict[str, str]] | None:
    """Return what exempts tags from immutability, in the spelling of pulumi-aws."""
    return [{"filter": tag, "filterType": "WILDCARD"} for tag in sorted(set(tags))] if tags else None


async def _lifecycle(component: Component, inputs: Mapping[str, Output], repository: Resource) -> Resource:
    retention = inputs.get("retention", Output()).map(_limits)
    limits = {} if has_unknown(retention.value) else reveal(retention.value)
    if any(limits.values()):
        keep, age = limits["keep_last"], limits["min_age_days"]
        rule = f"number (the last {keep} stay)" if keep else f"age ({age} days)"
        await component.deployment.warn(component.urn, lifecycle.RETENTION_WARNING.format(rule=rule))
    request = component.child(LIFECYCLE_POLICY, component.name, LIFECYCLE_PROPERTIES)
    # A repository has one: deleting the old one last would take away the new one.
    request.deleteBeforeReplace = request.deleteBeforeReplaceDefined = True
    return await component.make(
        request,
        {
            "repository": repository.output("name"),
            "policy": retention.map(lambda known: lifecycle.policy(**known)),
        },
    )


def _limits(retention: Mapping[str, Any] | None) -> dict[str, int | None]:
    given = retention or {}
    keep, age = (value and int(value) for value in (given.get("keepLast"), given.get("minAgeDays")))
    return {"keep_last": keep, "min_age_days": age}


def _outputs(component: Component, host: Output, repository: Resource) -> dict[str, Output]:
    name = repository.output("name")
    # Known before the repository exists, and yet whoever uses it waits for the repository.
    url = all_of(host, name).map("/".join)
    if url.is_known:
        component.deployment.instance.owned[reveal(url.value)] = repository.urn
    arn = url.map(lambda known: arn_of(*known.split("/", 1)) and str(arn_of(*known.split("/", 1))))
    return {
        "repositoryUrl": url,
        "repositoryName": name,
        "repositoryArn": arn if arn.value is not None else repository.output("arn"),
    }


async def registry_host(component: Component) -> Output:
    """Return the host of the ECR registry that the component's aws provider uses: any partition, or an emulator's."""
    answer = await component.deployment.monitor.invoke(AUTHORIZATION_TOKEN, {}, component.options.provider("aws"))
    # The answer is secret for the token's sake; and it is empty while the aws provider's own configuration is unknown.
    endpoint = reveal(answer.get("proxyEndpoint"))
    return Output(urlsplit(endpoint).netloc if isinstance(endpoint, str) and endpoint else UNKNOWN)


def _encryptions(encryption: Mapping[str, Any] | None) -> list[dict[str, Any]] | None:
    """Return the encryption in the spelling of pulumi-aws."""
    if encryption is None:
        return None
    spelled = {"encryptionType": encryption.get("type"), "kmsKey": encryption.get("kmsKey")}
    return [{key: value for key, value in spelled.items() if value is not None}]


def refuse_bad(inputs: Mapping[str, Any]) -> None:
    """Refuse inputs that cannot be, as far as they are known.

    Raises:
        InputError: With every problem.
    """
    found = tuple(_problems(inputs))
    if found:
        raise InputError(found)


def _problems(inputs: Mapping[str, Any]) -> Iterator[Problem]:
    rows = [row.name for row in (*IMAGE_REPOSITORY_FIELDS, *GRANTS_FIELDS)]
    yield from unknown_names(inputs, rows, "")
    for row in IMAGE_REPOSITORY_FIELDS:
        if inputs.get(row.name) is not None:
            yield from problems(row.shape, inputs[row.name], row.name)
    keys = ("repositoryName", "retention", "encryption", "mutableTags")
    name, retention, encryption, mutable = (reveal(inputs.get(key)) for key in keys)
    if isinstance(name, str) and name and (wrong := name_problem(name, "repositoryName")):
        yield wrong
    if isinstance(mutable, list) and len({str(tag) for tag in mutable}) > MOST_MUTABLE_TAGS:
        yield Problem("mutableTags", f"must be at most {MOST_MUTABLE_TAGS}: ECR exempts no more tags from immutability")
    if isinstance(retention, dict) and len([v for v in retention.values() if v is not None]) != 1:
        yield Problem("retention", "give exactly one of keepLast and minAgeDays: ECR's rules cannot say both")
    if isinstance(encryption, dict) and encryption.get("kmsKey") and encryption.get("type") == "AES256":
        yield Problem("encryption.kmsKey", "contradicts type AES256: write KMS or KMS_DSSE as the type")
    yield from twin_problems({key: inputs[key] for key in TWINS if inputs.get(key) is not None})

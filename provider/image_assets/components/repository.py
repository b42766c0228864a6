"""The component that is an ECR repository of the program's own."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import pulumi
from pulumi_aws import ecr

from image_assets.aws import lifecycle
from image_assets.aws.names import arn_of, name_problem, repository_name
from image_assets.components.grant_checks import TWINS, twin_problems
from image_assets.components.grants import declared_grants, take_twins
from image_assets.components.origin import Origin
from image_assets.errors import InputError, Problem
from image_assets.inputs.grant_fields import GRANTS_FIELDS
from image_assets.inputs.repository_fields import IMAGE_REPOSITORY_FIELDS
from image_assets.inputs.types import problems, unknown_names

TOKEN = "image-assets:index:ImageRepository"  # noqa: S105 - a resource type
OUTPUTS = ("repositoryUrl", "repositoryName", "repositoryArn")


class ImageRepository(pulumi.ComponentResource):
    """A repository with tags that cannot change, and a lifecycle that removes only what has none.

    With a URN in the options this is a repository made earlier, on which a method is called.

    Raises:
        InputError: With every problem of the inputs that are known.
    """

    def __init__(self, name: str, inputs: Mapping[str, Any], opts: pulumi.ResourceOptions, origin: Origin) -> None:
        made_earlier = bool(opts.urn)
        if not made_earlier:
            refuse_bad(inputs)
        # A component made earlier must be remote: a local one would wait for its own children (a cycle).
        placeholders = dict.fromkeys(OUTPUTS) if made_earlier else {}
        super().__init__(TOKEN, name, placeholders, opts, remote=made_earlier)
        self.name = name
        self.origin = origin
        if not made_earlier:
            self._compose(dict(inputs))

    @property
    def repository_url(self) -> pulumi.Output[str]:
        """`registry/path`, known in the first preview."""
        url: pulumi.Output[str] = self.__dict__["repositoryUrl"]
        return url

    def _compose(self, inputs: dict[str, Any]) -> None:
        """Make the children."""
        twins = take_twins(inputs)
        wanted = inputs.get("repositoryName") or repository_name(pulumi.get_project(), pulumi.get_stack(), self.name)
        self.repository = self._repository(wanted, inputs)
        self._lifecycle(inputs.get("retention"))
        self.outputs = self._outputs(pulumi.Output.from_input(wanted))
        self.__dict__.update(self.outputs)
        self.register_outputs(self.outputs)
        declared_grants(self, twins)

    def _repository(self, name: pulumi.Input[str], inputs: Mapping[str, Any]) -> ecr.Repository:
        scanning = {"scan_on_push": True if inputs.get("scanOnPush") is None else inputs["scanOnPush"]}
        encryption = inputs.get("encryption")
        return ecr.Repository(
            self.name,
            name=name,
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration=scanning,
            encryption_configurations=None if encryption is None else [encryption_of(encryption)],
            force_delete=inputs.get("forceDelete"),
            tags=inputs.get("tags"),
            # Two repositories cannot have one name at the same time.
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )

    def _lifecycle(self, retention: pulumi.Input[Mapping[str, Any]] | None) -> None:
        ecr.LifecyclePolicy(
            self.name,
            repository=self.repository.name,
            policy=pulumi.Output.from_input(retention or {}).apply(self._policy),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _policy(self, retention: Mapping[str, Any]) -> str:
        keep, age = (value and int(value) for value in (retention.get("keepLast"), retention.get("minAgeDays")))
        if keep or age:
            rule = f"number (the last {keep} stay)" if keep else f"age ({age} days)"
            pulumi.log.warn(lifecycle.RETENTION_WARNING.format(rule=rule), self)
        return lifecycle.policy(keep_last=keep, min_age_days=age)

    def _outputs(self, name: pulumi.Output[str]) -> dict[str, pulumi.Output[Any]]:
        early = pulumi.Output.all(registry_host(self), name).apply("/".join)
        # Known before the repository exists, and yet whoever uses it waits for the repository.
        url = self.repository.urn.apply(lambda _: early.apply(self._remembered))
        arn = url.apply(lambda known: self._arn(*known.split("/", 1)))
        return dict(zip(OUTPUTS, (url, name, arn), strict=True))

    def _remembered(self, url: str) -> str:
        self.origin.owned[url] = self.repository
        return url

    def _arn(self, registry: str, path: str) -> pulumi.Input[str]:
        arn = arn_of(registry, path)
        return str(arn) if arn else self.repository.arn


def registry_host(parent: pulumi.Resource) -> pulumi.Output[str]:
    """Return the host of the ECR registry that the component's aws provider uses: any partition, or an emulator's."""
    token = ecr.get_authorization_token_output(opts=pulumi.InvokeOutputOptions(parent=parent))
    # The answer is secret for the token's sake; and it is empty while the aws provider's own configuration is unknown.
    return pulumi.Output.unsecret(token.apply(lambda answer: _host(answer and answer.proxy_endpoint)))


def _host(endpoint: str | None) -> Any:
    return urlsplit(endpoint).netloc if endpoint else pulumi.UNKNOWN


def encryption_of(encryption: pulumi.Input[Mapping[str, Any]]) -> pulumi.Output[dict[str, Any]]:
    """Return the encryption in the spelling of pulumi-aws."""
    return pulumi.Output.from_input(encryption).apply(
        lambda given: {"encryptionType": given.get("type"), "kmsKey": given.get("kmsKey")}
    )


def refuse_bad(inputs: Mapping[str, Any]) -> None:
    """Refuse inputs that cannot be, as far as they are known.

    Raises:
        InputError: With every problem.
    """
    found = tuple(_problems(inputs))
    if found:
        raise InputError(found)


def _problems(inputs: Mapping[str, Any]) -> Iterator[Problem]:
    rows = {row.name: row for row in (*IMAGE_REPOSITORY_FIELDS, *GRANTS_FIELDS)}
    yield from unknown_names(inputs, list(rows), "")
    known = {key: value for key, value in inputs.items() if value is not None and _is_plain(value)}
    for key in known.keys() & {row.name for row in IMAGE_REPOSITORY_FIELDS}:
        yield from problems(rows[key].shape, known[key], key)
    name, retention, encryption = (known.get(key) for key in ("repositoryName", "retention", "encryption"))
    if isinstance(name, str) and name and (wrong := name_problem(name, "repositoryName")):
        yield wrong
    if isinstance(retention, dict) and len([v for v in retention.values() if v is not None]) != 1:
        yield Problem("retention", "give exactly one of keepLast and minAgeDays: ECR's rules cannot say both")
    if isinstance(encryption, dict) and encryption.get("kmsKey") and encryption.get("type") == "AES256":
        yield Problem("encryption.kmsKey", "contradicts type AES256: write KMS or KMS_DSSE as the type")
    yield from twin_problems({key: inputs[key] for key in TWINS if inputs.get(key) is not None})


def _is_plain(value: Any) -> bool:
    """Say whether no part of a value has to be waited for."""
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return not isinstance(value, pulumi.Output)

"""Grants on a repository: methods of the components, and the inputs that do the same for YAML.

A role gets an identity policy. A service, an account or any other principal gets a statement in the repository's
policy. Which of them is given decides, not its value, so a grant is the same while the value is still unknown.
"""

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from image_assets.aws.names import RepositoryArn, arn_of
from image_assets.components.component import OWN_PACKAGE, Component
from image_assets.components.grant_checks import GRANTEES, TWINS, account_text, grant_problems, refuse
from image_assets.inputs.grant_fields import CHAINED
from image_assets.protocol.monitor import Resource
from image_assets.protocol.outputs import Output, all_of
from image_assets.reference import Repository
from image_assets.repository_policy import rules
from image_assets.values import UNKNOWN, plain, reveal

#: The child that owns one statement; see `repository_policy`.
POLICY_STATEMENT = f"{OWN_PACKAGE}RepositoryPolicyStatement"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"

ACTIONS = {
    "grantPull": rules.PULL_ACTIONS,
    "grantPush": rules.PUSH_ACTIONS,
    "grantPullPush": rules.PULL_PUSH_ACTIONS,
}

#: A child of a grant has none of the component's properties.
_NO_PROPERTIES: Mapping[str, str] = {}


async def call_method(component: Component, method: str, args: Mapping[str, Output]) -> dict[str, Output]:
    """Answer a method call on an asset or a repository.

    Returns:
        An output of the child, and what the component is known by: whoever uses one of them waits for the child.

    Raises:
        InputError: With every problem of the arguments that are known.
    """
    values = {key: output.value for key, output in args.items()}
    refuse(grant_problems(method, values, ""))
    grant = Output(values, frozenset().union(*(output.dependencies for output in args.values())))
    made = await make_grant(component, component.outputs["repositoryUrl"], method, grant)
    chained = {name: component.outputs[name] for name in CHAINED if name in component.outputs}
    return {"grantId": made.id_output} | {
        name: output.depending_on(made.id_output.dependencies) for name, output in chained.items()
    }


def take_twins(inputs: dict[str, Output]) -> dict[str, Output]:
    """Take the grants out of a component's inputs."""
    taken = {key: inputs.pop(key, Output()) for key in TWINS}
    return {key: output for key, output in taken.items() if output.value is not None}


async def declared_grants(component: Component, url: Output, twins: Mapping[str, Output]) -> None:
    """Make the checked grants that a component's inputs declare on the repository at a URL, as far as they are known.

    Raises:
        InputError: The repository is not ECR's.
    """
    await asyncio.gather(
        *(make_grant(component, url, TWINS[key], grant) for key, output in twins.items() for grant in items_of(output))
    )


def items_of(listed: Output) -> list[Output]:
    """Return the items that are known: none of a list that is not; those of a secret list are secret."""
    count = len(plain(listed.value)) if isinstance(plain(listed.value), list) else 0
    return [item for item in map(listed.part, range(count)) if plain(item.value) is not UNKNOWN]


async def make_grant(component: Component, url: Output, method: str, grant: Output) -> Resource:
    """Make the child that a checked grant on the repository at a URL is."""
    given = plain(grant.value)
    name = plain(given["name"])
    arn = await repository_arn(component, url)
    if method == "addToResourcePolicy":
        return await make_statement(component, url, name, grant.part("statement"))
    actions = Output(ACTIONS[method]) if method in ACTIONS else grant.part("actions")
    kind = next(kind for kind in GRANTEES if given.get(kind) is not None)
    if kind == "role":
        return await make_role_policy(component, name, grant.part("role"), all_of(arn, actions))
    statement = all_of(grant.part(kind), arn, actions).map(lambda known: statement_for(kind, *known))
    return await make_statement(component, url, name, statement)


async def make_role_policy(component: Component, name: str, role: Output, arn_and_actions: Output) -> Resource:
    """Give a role of the own account an identity policy: some actions on the repository, and signing in."""
    child = child_name(component, name)
    scope = f"{component.deployment.project}/{component.deployment.stack}/{child}"
    request = component.child(ROLE_POLICY, child, _NO_PROPERTIES)
    # The name is its identity in the role: the one it has stays, and the old one must go first.
    request.ignoreChanges.append("name")
    request.deleteBeforeReplace = request.deleteBeforeReplaceDefined = True
    return await component.make(
        request,
        {
            "name": Output(rules.make_sid(scope, child)),
            "role": role.map(role_name),
            "policy": arn_and_actions.map(lambda known: role_policy(*known)),
        },
    )


async def make_statement(component: Component, url: Output, name: str, statement: Output) -> Resource:
    """Make the child that owns a statement of the repository's policy."""
    return await component.make(
        component.child(POLICY_STATEMENT, child_name(component, name), _NO_PROPERTIES),
        {"repositoryUrl": url, "statement": statement, "aws": component.deployment.aws_input},
    )


def child_name(component: Component, name: str) -> str:
    """Return a child's name; it is known whatever is not, and no other grant of any component has it.

    A dash in the grant's name could as well end the component's, so that a hash tells where the grant's begins. It is
    of the grant's name alone: an alias of the component counts for its children, too (Pulumi's inherited aliases).
    """
    if "-" not in name:
        return f"{component.name}-{name}"
    return f"{component.name}-{name}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


# --- what a grant says


def role_policy(arn: RepositoryArn, actions: Sequence[str]) -> str:
    """Return the identity policy for a role."""
    here = {"Effect": "Allow", "Action": list(actions), "Resource": str(arn)}
    login = {"Effect": "Allow", "Action": rules.TOKEN_ACTION, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [here, login]}, separators=(",", ":"))


def statement_for(kind: str, who: str, arn: RepositoryArn, actions: Sequence[str]) -> dict[str, Any]:
    """Return the statement for a principal that is not a role of the own account.

    For Lambda's service it is the one that Lambda itself would add: for functions of the repository's account and
    region.
    """
    if kind == "service" and who == rules.LAMBDA:
        pulls = tuple(actions) == rules.PULL_ACTIONS
        statement = rules.allow({"Service": who}, rules.LAMBDA_ACTIONS if pulls else actions)
        return {**statement, "Condition": rules.lambda_condition(arn.partition, arn.region, arn.account)}
    principal = {
        "service": {"Service": who},
        "accountId": rules.account_principal(account_text(who), arn.partition),
        "arn": {"AWS": who},
    }[kind]
    return rules.allow(principal, actions)


def role_name(role: str) -> str:
    """Return a role's name; an ARN ends with it (IAM user guide, "IAM ARNs")."""
    return role.rpartition("/")[2] if role.startswith("arn:") else role


# --- which repository it is


async def repository_arn(component: Component, url: Output) -> Output:
    """Return the ARN of the repository at a URL."""
    found = url.map(find_arn)
    if found.value is not None:
        return found
    # An emulator is asked, since its host does not tell.
    from image_assets.components.emulated import ask_arn  # noqa: PLC0415 - loads the client of ECR

    repository = Repository.parse(reveal(url.value))
    arn = await asyncio.to_thread(ask_arn, component.deployment.aws_settings, repository)
    return url.map(lambda _: arn)


def find_arn(url: str) -> RepositoryArn | None:
    """Return the ARN of a repository that its host tells; None if it does not."""
    repository = Repository.parse(url)
    return arn_of(repository.registry, repository.path)

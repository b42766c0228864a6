"""Grants on a repository: methods of the components, and the inputs that do the same for YAML.

A role gets an identity policy. A service, an account or any other principal gets a statement in the repository's
policy. Which of them is given decides, not its value, so a grant is the same while the value is still unknown.
"""

import json
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Protocol

import pulumi

from image_assets.aws.ecr import Aws, EcrKeychain
from image_assets.aws.names import RepositoryArn, arn_of
from image_assets.aws.settings import AwsSettings
from image_assets.components.grant_checks import GRANTEES, TWINS, account_text, grant_problems, refuse, twin_problems
from image_assets.components.origin import Origin
from image_assets.components.stack_aws import handed_on
from image_assets.errors import InputError
from image_assets.reference import Repository
from image_assets.repository_policy import rules
from image_assets.repository_policy.resource import NOT_ECR
from image_assets.task import Task

ACTIONS = {
    "grantPull": rules.PULL_ACTIONS,
    "grantPush": rules.PUSH_ACTIONS,
    "grantPullPush": rules.PULL_PUSH_ACTIONS,
}

Arguments = Mapping[str, Any]


class Component(Protocol):
    """What has grants: a component with a name and the output `repositoryUrl` in its `__dict__`."""

    name: str
    origin: Origin


class PolicyStatement(pulumi.CustomResource):
    """The child that owns one statement; see `repository_policy`."""

    def __init__(self, name: str, inputs: Mapping[str, Any], opts: pulumi.ResourceOptions) -> None:
        super().__init__("image-assets:index:RepositoryPolicyStatement", name, {"sid": None, **inputs}, opts)


def call_method(component: Any, method: str, args: Arguments) -> dict[str, pulumi.Output[Any]]:
    """Answer a method call on an asset or a repository.

    Returns:
        An output of the child: whoever waits for the call waits for the child.

    Raises:
        InputError: With every problem of the arguments that are known.
    """
    refuse(grant_problems(method, args, ""))
    return {"grantId": make_grant(component, method, args).id}


def take_twins(inputs: dict[str, Any]) -> dict[str, Any]:
    """Take the grants out of a component's inputs, before anything is made.

    Raises:
        InputError: With every problem of the grants that are known.
    """
    twins = {key: inputs.pop(key) for key in TWINS if inputs.get(key) is not None}
    refuse(twin_problems(twins))
    return twins


def declared_grants(component: Any, twins: Mapping[str, Any]) -> None:
    """Make the grants that a component's inputs declare.

    Raises:
        InputError: With every problem of the grants that are known.
    """
    later = {key: value for key, value in twins.items() if isinstance(value, pulumi.Output)}
    _declare(component, {key: value for key, value in twins.items() if key not in later})
    for key, value in later.items():
        value.apply(partial(_declare_one, component, key))


def _declare_one(component: Any, key: str, grants: Any) -> None:
    _declare(component, {key: grants})


def _declare(component: Any, twins: Mapping[str, Any]) -> None:
    refuse(twin_problems(twins))
    for key, grants in twins.items():
        for grant in grants:
            make_grant(component, TWINS[key], grant)


def make_grant(component: Any, method: str, args: Arguments) -> pulumi.CustomResource:
    """Make the child that a checked grant is."""
    if method == "addToResourcePolicy":
        return make_statement(component, args["name"], args["statement"])
    actions = ACTIONS.get(method) or tuple(args["actions"])
    grant = Grant(component, args["name"], actions)
    kind = next(kind for kind in GRANTEES if args.get(kind) is not None)
    return grant.to_role(args["role"]) if kind == "role" else grant.to_principal(kind, args[kind])


@dataclass(frozen=True)
class Grant:
    """Some actions on the repository of a component, for somebody."""

    component: Any
    name: str
    actions: Sequence[str]

    def to_role(self, role: pulumi.Input[str]) -> pulumi.CustomResource:
        """Give a role of the own account an identity policy: these actions here, and signing in."""
        from pulumi_aws import iam  # noqa: PLC0415 - only programs with grants to roles pay for it

        child = child_name(self.component, self.name)
        made: pulumi.CustomResource = iam.RolePolicy(
            child,
            name=rules.make_sid(f"{pulumi.get_project()}/{pulumi.get_stack()}/{child}", child),
            role=pulumi.Output.from_input(role).apply(role_name),
            policy=arn_output(self.component).apply(lambda arn: role_policy(arn, self.actions)),
            opts=pulumi.ResourceOptions(parent=self.component),
        )
        return made

    def to_principal(self, kind: str, who: pulumi.Input[str]) -> pulumi.CustomResource:
        """Give a principal a statement in the repository's policy."""
        known = pulumi.Output.all(who, arn_output(self.component))
        statement = known.apply(lambda pair: statement_for(kind, pair[0], pair[1], self.actions))
        return make_statement(self.component, self.name, statement)


def make_statement(component: Any, name: str, statement: pulumi.Input[Mapping[str, Any]]) -> PolicyStatement:
    """Make the child that owns a statement of the repository's policy."""
    aws = handed_on()
    inputs = {"repositoryUrl": component.__dict__["repositoryUrl"], "statement": statement, "aws": aws or None}
    opts = component.origin.child(pulumi.ResourceOptions(parent=component))
    return PolicyStatement(child_name(component, name), inputs, opts)


def child_name(component: Component, name: str) -> str:
    """Return a child's name; it is known whatever is not."""
    return f"{component.name}-{name}"


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


def arn_output(component: Any) -> pulumi.Output[RepositoryArn]:
    """Return the ARN of a component's repository."""
    settings = AwsSettings.of(component.origin.aws, handed_on())
    url: pulumi.Output[str] = component.__dict__["repositoryUrl"]
    return url.apply(lambda known: find_arn(settings, known))


def find_arn(settings: AwsSettings, url: str) -> "RepositoryArn | Awaitable[RepositoryArn]":
    """Return the ARN of a repository; an emulator is asked for it, since its host does not tell.

    Raises:
        InputError: The repository is not ECR's.
    """
    repository = Repository.parse(url)
    return arn_of(repository.registry, repository.path) or _ask_emulator(settings, repository)


async def _ask_emulator(settings: AwsSettings, repository: Repository) -> RepositoryArn:
    import asyncio  # noqa: PLC0415 - emulators only

    arn = await asyncio.to_thread(_keychain(settings).arn, repository.registry, repository.path)
    if arn is None:
        raise InputError.single("repository", f'"{repository}" {NOT_ECR}')
    return arn


@cache
def _keychain(settings: AwsSettings) -> EcrKeychain:
    return EcrKeychain(Aws(settings), Task())

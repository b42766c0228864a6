"""How AWS is reached, as the provider's own `aws` configuration and the stack's say it."""

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from image_assets.frozen import dataclass

#: What pulumi-aws calls an option of a role to assume, and what STS calls it (STS API reference, AssumeRole).
_ROLE_OPTIONS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "externalId": ("ExternalId", str),
    "sessionName": ("RoleSessionName", str),
    "sourceIdentity": ("SourceIdentity", str),
    "policy": ("Policy", str),
    "duration": ("DurationSeconds", lambda text: _seconds(str(text))),
    "policyArns": ("PolicyArns", lambda arns: [{"arn": arn} for arn in arns]),
    "tags": ("Tags", lambda tags: [{"Key": key, "Value": value} for key, value in tags.items()]),
    "transitiveTagKeys": ("TransitiveTagKeys", list),
}
_UNITS = {"h": 3600, "m": 60, "s": 1}


@dataclass(frozen=True)
class Role:
    """A role to assume.

    Attributes:
        arn: Its ARN.
        options: The other arguments of AssumeRole, as JSON.
    """

    arn: str
    options: str = "{}"

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Role":
        """Read one in the spelling of pulumi-aws (`roleArn`, `externalId`, ...)."""
        options = {name: read(given[key]) for key, (name, read) in _ROLE_OPTIONS.items() if given.get(key)}
        return cls(str(given["roleArn"]), json.dumps(options, sort_keys=True))

    @property
    def arguments(self) -> dict[str, Any]:
        """The other arguments of AssumeRole."""
        return dict(json.loads(self.options))


@dataclass(frozen=True)
class Keys:
    """An access key."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


class StackKeys:
    """The access keys in the `aws:` configuration of the stacks that this process serves.

    They are here and nowhere else: what is stored names the stack, and only who is in this process finds its keys.
    """

    def __init__(self) -> None:
        self._known: dict[str, Keys] = {}
        self._lock = threading.Lock()

    def remember(self, stack: str, keys: Keys) -> None:
        """Take the keys of a stack over."""
        with self._lock:
            self._known[stack] = keys

    def of(self, stack: str) -> Keys | None:
        """Return the keys of a stack; None if no component of it was made in this process (refresh, destroy)."""
        with self._lock:
            return self._known.get(stack)


STACK_KEYS = StackKeys()


@dataclass(frozen=True)
class AwsSettings:
    """How AWS is reached; whatever is not given follows the rules of the AWS CLI.

    Attributes:
        region: For calls that no registry or ARN tells the region of.
        profile: A profile of the AWS configuration files.
        keys: An access key, which counts instead of the profile.
        keys_of: The stack in whose configuration keys are that this process does not know.
        roles: Roles to assume, each with the credentials of the one before it.
        endpoint: Another endpoint for every service, as emulators need.
    """

    region: str | None = None
    profile: str | None = None
    keys: Keys | None = None
    keys_of: str | None = None
    roles: tuple[Role, ...] = ()
    endpoint: str | None = None

    @classmethod
    def of(cls, *sources: Mapping[str, Any]) -> "AwsSettings":
        """Read `aws` inputs or configuration (`profile`, `assumeRoleArn`, ...); the first that says a thing wins.

        A profile and keys are two answers to one question, and so are one role and several.
        """
        who = _first(sources, "keysOf", "profile")
        stack = str(who["keysOf"]) if who.get("keysOf") else None
        keys = STACK_KEYS.of(stack) if stack else None
        return cls(
            region=_first(sources, "region").get("region"),
            profile=None if keys else who.get("profile"),
            keys=keys,
            keys_of=stack if keys is None else None,
            roles=_roles(_first(sources, "assumeRoles", "assumeRoleArn")),
            endpoint=_first(sources, "endpoint").get("endpoint"),
        )


def _first(sources: tuple[Mapping[str, Any], ...], *names: str) -> Mapping[str, Any]:
    """Return the first source that has one of these members."""
    return next((source for source in sources if any(source.get(name) for name in names)), {})


def _roles(source: Mapping[str, Any]) -> tuple[Role, ...]:
    if source.get("assumeRoles"):
        return tuple(map(Role.of, source["assumeRoles"]))
    if source.get("assumeRoleArn"):
        return (Role.of({**source, "roleArn": source["assumeRoleArn"]}),)
    return ()


def _seconds(text: str) -> int:
    """Read a duration as Go writes it: `1h`, `15m`, `1h30m`."""
    return sum(int(count) * _UNITS[unit] for count, unit in re.findall(r"(\d+)([hms])", text))

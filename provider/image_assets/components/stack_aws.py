"""What the stack's own `aws:` configuration says about reaching ECR."""

from collections.abc import Callable, Mapping
from typing import Any

import pulumi


def handed_on() -> dict[str, str]:
    """Return the members of `aws` options that the stack's configuration of pulumi-aws sets, keys and tokens left out.

    They are read where the program's components are made, because a resource of this provider does not see the
    configuration of another.
    """
    config = pulumi.Config("aws")
    role = _first(config, "assumeRoles") or _object(config, "assumeRole")
    found = {
        "region": config.get("region"),
        "profile": config.get("profile"),
        "assumeRoleArn": role.get("roleArn"),
        "externalId": role.get("externalId"),
        "endpoint": _first(config, "endpoints").get("ecr"),
    }
    return {key: value for key, value in found.items() if value}


def _first(config: pulumi.Config, key: str) -> Mapping[str, Any]:
    listed = _structured(config.get_object, key)
    return listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], dict) else {}


def _object(config: pulumi.Config, key: str) -> Mapping[str, Any]:
    value = _structured(config.get_object, key)
    return value if isinstance(value, dict) else {}


def _structured(get: Callable[[str], Any], key: str) -> Any:
    try:
        return get(key)
    except pulumi.ConfigTypeError:
        # pulumi-aws reads it too, and has the better message.
        return None

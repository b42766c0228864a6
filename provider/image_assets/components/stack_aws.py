"""What the stack's own `aws:` configuration says about reaching ECR."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from image_assets.aws.settings import Keys
from image_assets.values import Secret


def handed_on(config: Mapping[str, str], secret_keys: Collection[str] = (), stack: str = "") -> dict[str, Any]:
    """Return the members of `aws` options that the stack's configuration of pulumi-aws sets.

    They are read where the program's components are made, because a resource of this provider does not see the
    configuration of another. What cannot be read is left to pulumi-aws, which reads it too and has the better message.
    What the stack keeps secret stays so; of its access key only the stack that has it is told (`stack_keys`).

    Args:
        config: The program's configuration, structured values as JSON (provider.proto, ConstructRequest).
        secret_keys: The keys of the values that are secret.
        stack: The stack, PROJECT/STACK.
    """
    roles = _read(config, "assumeRoles")
    listed = list(filter(_is_role, roles)) if isinstance(roles, list) else []
    only = _object(_read(config, "assumeRole"))
    chain = listed or ([only] if _is_role(only) else [])
    found = {
        "region": (config.get("aws:region"), "region"),
        "profile": (config.get("aws:profile"), "profile"),
        "assumeRoles": (chain, "assumeRoles" if listed else "assumeRole"),
        "keysOf": (stack if stack_keys(config) else None, ""),
        "endpoint": (_first(config, "endpoints").get("ecr"), "endpoints"),
    }
    return {
        name: Secret(value) if f"aws:{key}" in secret_keys else value for name, (value, key) in found.items() if value
    }


def stack_keys(config: Mapping[str, str]) -> Keys | None:
    """Return the access key in the stack's configuration of pulumi-aws, None if there is none."""
    access, secret = config.get("aws:accessKey"), config.get("aws:secretKey")
    return Keys(access, secret, config.get("aws:token") or None) if access and secret else None


def _is_role(value: Any) -> bool:
    return bool(_object(value).get("roleArn"))


def _first(config: Mapping[str, str], key: str) -> Mapping[str, Any]:
    listed = _read(config, key)
    return _object(listed[0]) if isinstance(listed, list) and listed else {}


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _read(config: Mapping[str, str], key: str) -> Any:
    try:
        return json.loads(config.get(f"aws:{key}", "null"))
    except ValueError:
        return None

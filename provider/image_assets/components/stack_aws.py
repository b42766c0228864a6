"""What the stack's own `aws:` configuration says about reaching ECR."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from image_assets.values import Secret


def handed_on(config: Mapping[str, str], secret_keys: Collection[str] = ()) -> dict[str, Any]:
    """Return the members of `aws` options that the stack's configuration of pulumi-aws sets, keys and tokens left out.

    They are read where the program's components are made, because a resource of this provider does not see the
    configuration of another. What cannot be read is left to pulumi-aws, which reads it too and has the better message.

    Args:
        config: The program's configuration, structured values as JSON (provider.proto, ConstructRequest).
        secret_keys: Those that are secret; what comes from them is so, too.
    """
    roles = "assumeRoles" if _first(config, "assumeRoles") else "assumeRole"
    role = _first(config, "assumeRoles") or _object(_read(config, "assumeRole"))
    found = {
        "region": ("region", config.get("aws:region")),
        "profile": ("profile", config.get("aws:profile")),
        "assumeRoleArn": (roles, role.get("roleArn")),
        "externalId": (roles, role.get("externalId")),
        "endpoint": ("endpoints", _first(config, "endpoints").get("ecr")),
    }
    return {
        name: Secret(value) if f"aws:{key}" in secret_keys else value for name, (key, value) in found.items() if value
    }


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

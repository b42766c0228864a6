"""What a bearer token is asked for (distribution token spec, "Resource Scope")."""

from collections.abc import Iterable

PULL = "pull"
PUSH = "pull,push"
DELETE = "delete"


def scope(repository_path: str, actions: str) -> str:
    """Return the scope for actions on one repository."""
    return f"repository:{repository_path}:{actions}"


def merged(scopes: Iterable[str]) -> tuple[str, ...]:
    """Return the scopes, the actions on one resource put together, in a fixed order."""
    actions: dict[str, set[str]] = {}
    for text in scopes:
        resource, _, wanted = text.rpartition(":")
        actions.setdefault(resource, set()).update(filter(None, wanted.split(",")))
    return tuple(f"{resource}:{','.join(sorted(wanted))}" for resource, wanted in sorted(actions.items()) if resource)

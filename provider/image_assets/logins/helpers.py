"""Docker's credential helpers (github.com/docker/docker-credential-helpers): programs that keep logins."""

import json
from collections.abc import Callable, Sequence
from typing import Final

from image_assets.addresses import docker_key
from image_assets.errors import RegistryError
from image_assets.oci.keychain import Credential
from image_assets.programs.command import CommandFailedError, CommandMissingError, CommandTimeoutError

RunHelper = Callable[[Sequence[str], bytes], bytes]
"""Runs a credential helper with this input and returns its standard output; raises what `command` raises."""

#: A user name that means "the secret is an identity token".
TOKEN_USER: Final = "<token>"  # noqa: S105 - a fixed word of the protocol

# What helpers say when they know no login ("credentials").
_NOT_FOUND: Final = (b"credentials not found", b"no credentials server URL", b"no credentials username")
_LONGEST_REASON: Final = 300


class HelperFailedError(RegistryError):
    """A credential helper is missing, fails or talks nonsense."""


def program_of(helper: str) -> str:
    """Return the name of a helper's program."""
    return f"docker-credential-{helper}"


def ask_helper(run: RunHelper, helper: str, registry: str) -> Credential | None:
    """Run `docker-credential-HELPER get`; None if it knows no login.

    Raises:
        HelperFailedError: Says what the helper did wrong, never what it keeps.
    """
    program = program_of(helper)
    try:
        return _read(run((program, "get"), docker_key(registry).encode()), program)
    except CommandFailedError as error:
        if any(words in error.output + error.errors for words in _NOT_FOUND):
            return None
        raise HelperFailedError(f"{program} fails, {_last_words(error)}") from error
    except CommandMissingError as error:
        raise HelperFailedError(f"{program} is not on PATH") from error
    except CommandTimeoutError as error:
        raise HelperFailedError(f"{program} does not answer") from error


def _read(output: bytes, program: str) -> Credential | None:
    try:
        answer = json.loads(output)
    except (ValueError, RecursionError) as error:
        raise HelperFailedError(f"what {program} answers is not JSON") from error
    if not isinstance(answer, dict):
        raise HelperFailedError(f"what {program} answers is not an object")
    username, secret = (str(answer.get(name) or "") for name in ("Username", "Secret"))
    if not secret:
        return None
    return Credential(username, identity_token=secret) if username == TOKEN_USER else Credential(username, secret)


def _last_words(error: CommandFailedError) -> str:
    """Return what the helper said: helpers write their errors to either output."""
    said = (error.output or error.errors).decode(errors="replace").strip()
    return f"saying: {said[-_LONGEST_REASON:]}" if said else f"with code {error.code}"

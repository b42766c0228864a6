"""Bringing build secrets to the program: by its environment, or by files that only we can read."""

import os
import re
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Final

from image_assets.docker.argv import csv_field
from image_assets.docker.dialect import BUILDX, Dialect
from image_assets.docker.spec import BuildSpec, SecretSource
from image_assets.errors import BuildError
from image_assets.frozen import dataclass
from image_assets.secrets import MASK, login_texts

_LONGEST_VARIABLE: Final = 64 << 10
"""Linux takes 128 KiB for one variable (execve(2), `MAX_ARG_STRLEN`)."""
_LONGEST_HIDDEN_FILE: Final = 256 << 10
_STEERING: Final = re.compile(
    "(ACTIONS|ALIBABA|ALICLOUD|AWS|AZURE|BUILDAH|BUILDKIT|BUILDX|CLOUDSDK|COMPOSE|CONTAINERS?|DBUS|DIGITALOCEAN|DOCKER|DYLD|"
    "GCLOUD|GH|GIT|GITHUB|GITLAB|GOOGLE|GPG|LC|LD|NERDCTL|OCI|OTEL|PODMAN|PULUMI|PYTHON|REGISTRY|SSH|SSL|STORAGE|TMP|"
    "VAULT|XDG)_.*|GO.*|.*_PROXY|GNUPGHOME|HOME|HOSTNAME|IFS|LANG|LANGUAGE|LOGNAME|PATH|PWD|SHELL|TEMP|TMP|TMPDIR|TZ|USER|"
    "BASH_ENV|ENV",
    re.IGNORECASE,
)
"""Variables that programs of this kind and their helpers obey: a build argument of such a name cannot travel so."""


@dataclass(frozen=True)
class Placed:
    """Where the secrets are.

    Attributes:
        flags: The values of `--secret`.
        shown: The same, as a user would write them.
        environment: What the program has to find in its environment.
        arguments: Names of the build args among these variables.
        values: All secret texts, to be hidden in what is shown.
    """

    flags: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    arguments: frozenset[str] = frozenset()
    values: tuple[str, ...] = field(default=(), repr=False)


def place_secrets(spec: BuildSpec, dialect: Dialect, environ: Mapping[str, str], directory: Path) -> Placed:
    """Put the secrets where the program finds them; those that fit no variable go to files in `directory`.

    Raises:
        BuildError: A secret's variable or file is not there.
    """
    flags: list[str] = []
    environment: dict[str, str] = {}
    for index, source in enumerate(spec.secrets):
        flags.append(_place(source, f"IMAGE_ASSETS_SECRET_{index}", environ, environment, directory))
    # Buildx has a better way (`definition`).
    arguments = {} if dialect is BUILDX else _hidden_arguments(spec, environ)
    return Placed(
        flags=tuple(flags),
        environment=environment | arguments,
        arguments=frozenset(arguments),
        shown=tuple(_shown(source, flag) for source, flag in zip(spec.secrets, flags, strict=True)),
        values=(*(_text(source, environ) for source in spec.secrets), *spec.hidden, *_passwords(spec)),
    )


def missing(source: SecretSource, environ: Mapping[str, str]) -> str:
    """Say what a secret's source lacks; empty if it is there."""
    if source.env is not None and source.env not in environ:
        return f"the environment variable `{source.env}` is not set"
    if source.file is not None and not (os.path.isfile(source.file) and os.access(source.file, os.R_OK)):  # noqa: PTH113 - of what may not be seen, too
        return f"`{source.file}` is not a file that can be read"
    return ""


def _place(
    source: SecretSource, name: str, environ: Mapping[str, str], environment: dict[str, str], directory: Path
) -> str:
    """Return the value of `--secret` for one secret."""
    if reason := missing(source, environ):
        raise BuildError(f"build secret `{source.id}`: {reason}")
    if source.env is not None:
        return csv_field([("id", source.id), ("env", source.env)])
    if source.file is not None:
        return csv_field([("id", source.id), ("src", _plain_path(source.file, directory / name))])
    value = source.value or ""
    if "\0" not in value and len(value.encode()) <= _LONGEST_VARIABLE:
        environment[name] = value
        return csv_field([("id", source.id), ("env", name)])
    return csv_field([("id", source.id), ("src", str(write_private(directory / name, value)))])


def _shown(source: SecretSource, flag: str) -> str:
    """Write the flag without the paths that are gone after the build."""
    if source.env is not None or "src=" not in flag:
        return flag
    return csv_field([("id", source.id), ("src", str(source.file or MASK))])


def _plain_path(file: Path, link: Path) -> str:
    """Return a path that stands for the file and needs no quotes: podman splits at commas, whatever the quotes."""
    if not set(str(file)) & set(',"'):
        return str(file)
    link.symlink_to(file)
    return str(link)


def write_private(path: Path, value: str) -> Path:
    """Write a file that only we can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(value.encode())
    return path


def _text(source: SecretSource, environ: Mapping[str, str]) -> str:
    if source.env is not None:
        return environ[source.env]
    if source.file is not None:
        with source.file.open("rb") as file:
            return file.read(_LONGEST_HIDDEN_FILE).decode(errors="replace")
    return source.value or ""


def _hidden_arguments(spec: BuildSpec, environ: Mapping[str, str]) -> dict[str, str]:
    """Choose the build args whose values are not to stand in the argument list and can travel by environment."""
    return {
        name: value
        for name, value in spec.build_args.items()
        if value in spec.hidden and "\0" not in value
        if environ.get(name) == value or not _STEERING.fullmatch(name)
    }


def _passwords(spec: BuildSpec) -> list[str]:
    logins = (*spec.credentials.values(), *spec.base_credentials.values())
    return [text for one in logins for text in (*one.secrets, *login_texts(one.username, one.password))]

"""A build's options in a private file instead of in the argument list, which every user of the machine can read.

`docker buildx bake` builds what a definition in JSON says (Docker's "Bake file reference"), with the options of `docker
buildx build`. Only a build with a secret in its options takes this way. The values are not in the environment either,
where docker and its helpers would obey a secret argument called `AWS_SECRET_ACCESS_KEY`, `PATH` or `HOME`.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

TARGET: Final = "image"
"""The name of the one target, which stands in what buildx tells of it, too."""

#: Does not ask which of the program's own places the definition may use (buildx: "Bake entitlements").
ENVIRONMENT: Final[Mapping[str, str]] = {"BUILDX_BAKE_ENTITLEMENTS_FS": "0"}

Definition = dict[str, Any]


def _mapped(key: str) -> Callable[[Definition, str], None]:
    def put(definition: Definition, value: str) -> None:
        name, equals, text = value.partition("=")
        # Without a value, the program takes it from its environment.
        definition.setdefault(key, {})[name] = text if equals else None

    return put


def _listed(key: str, start: str = "") -> Callable[[Definition, str], None]:
    return lambda definition, value: definition.setdefault(key, []).append(start + value)


def _single(key: str) -> Callable[[Definition, str], None]:
    return lambda definition, value: definition.update({key: value})


def _platforms(definition: Definition, value: str) -> None:
    definition.setdefault("platforms", []).extend(value.split(","))


def _host(definition: Definition, value: str) -> None:
    name, _, address = value.replace("=", ":", 1).partition(":")
    definition.setdefault("extra-hosts", {})[name] = address


def _attestation(kind: str) -> Callable[[Definition, str], None]:
    def put(definition: Definition, value: str) -> None:
        attributes = {"true": "", "false": ",disabled=true"}.get(value, f",{value}")
        definition.setdefault("attest", []).append(f"type={kind}{attributes}")

    return put


def _switched(key: str) -> Callable[[Definition, str], None]:
    return lambda definition, value: definition.update({key: value != "false"})


_VALUES: Final[Mapping[str, Callable[[Definition, str], None]]] = {
    "--add-host": _host,
    "--annotation": _listed("annotations"),
    "--attest": _listed("attest"),
    "--build-arg": _mapped("args"),
    "--build-context": _mapped("contexts"),
    "--cache-from": _listed("cache-from"),
    "--cache-to": _listed("cache-to"),
    "--file": _single("dockerfile"),
    "--label": _mapped("labels"),
    "--network": _single("network"),
    "--no-cache-filter": _listed("no-cache-filter"),
    "--output": _listed("output"),
    "--platform": _platforms,
    "--provenance": _attestation("provenance"),
    "--sbom": _attestation("sbom"),
    "--secret": _listed("secret"),
    "--shm-size": _single("shm-size"),
    "--ssh": _listed("ssh"),
    "--tag": _listed("tags"),
    "--target": _single("target"),
    "--ulimit": _listed("ulimits"),
}
"""The flags of a build that take a value."""
_SWITCHES: Final[Mapping[str, Callable[[Definition, str], None]]] = {
    "--no-cache": _switched("no-cache"),
    "--pull": _switched("pull"),
}
_KEPT: Final = frozenset({"--allow", "--builder", "--metadata-file", "--progress"})
"""The flags that bake has itself."""
_ASKED: Final[Mapping[str, str]] = {"ssh": "ssh"}
"""What a definition may ask for only if the command line allows it."""


class UndefinableError(ValueError):
    """A flag cannot be written into a definition; its name is the message."""


def defined(words: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """Turn the words after `buildx build` into those after `buildx bake`, which end in `--file`, and the definition.

    Raises:
        UndefinableError: The definition has no place for one of the flags.
    """
    definition: Definition = {"context": words[-1]}
    kept: list[str] = []
    for flag, value in _flags(iter(words[:-1])):
        if flag in _KEPT:
            kept += [flag, value]
        else:
            {**_VALUES, **_SWITCHES}[flag](definition, value)
    allowed = [allowed for key, allowed in _ASKED.items() if key in definition]
    allowed += ["network.host"] if definition.get("network") == "host" else []
    kept += [word for one in allowed for word in ("--allow", one)]
    content = {"target": {TARGET: _literal(definition)}}
    return (*kept, TARGET, "--file"), json.dumps(content)


def _flags(words: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Yield each flag with its value."""
    for word in words:
        flag, equals, value = word.partition("=")
        if flag in _SWITCHES:
            yield flag, value
        elif flag in _VALUES or flag in _KEPT:
            yield flag, value if equals else next(words, "")
        else:
            raise UndefinableError(flag if flag.startswith("-") else "a value without a flag")


def _literal(value: Any) -> Any:
    """Keep texts from being read as templates (HCL, "Template Expressions")."""
    if isinstance(value, dict):
        return {_literal(key): _literal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_literal(item) for item in value]
    return value.replace("${", "$${").replace("%{", "%%{") if isinstance(value, str) else value

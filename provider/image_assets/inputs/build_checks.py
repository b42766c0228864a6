"""Checks of single words of a build (`types.Text`): what the builder would pass over, or refuse only once it builds."""

import re
from collections.abc import Iterator
from typing import Any, Final

from image_assets.errors import Problem
from image_assets.inputs.checks import parsed_by
from image_assets.inputs.wording import listed, nearest
from image_assets.reference import Reference
from image_assets.values import plain

#: What names a context that is no directory here (Docker's `--build-context`).
_SCHEMES: Final = ("docker-image", "oci-layout", "http", "https", "git", "ssh")
_SCHEME: Final = re.compile(r"([a-zA-Z][\w+.-]*)://(.*)", re.DOTALL)
_HALF_A_SCHEME: Final = re.compile(r"(?:docker-image|oci-layout):(?!//)")
_NETWORKS: Final = ("default", "host", "none")
_SWITCHES: Final = frozenset({"yes", "no", "on", "off", "y", "n", "t", "f", "0", "1"})
#: How near a word must be to one that is known to be that one misspelt, where others are allowed.
_MISSPELT: Final = 0.75
_check_reference: Final = parsed_by(Reference.parse)


def check_ssh(agent: str) -> str | None:
    """Say what is wrong with an item of `buildSsh` (Docker's `--ssh`: `default|ID[=SOCKET|KEY[,KEY]]`)."""
    name, equals, paths = agent.partition("=")
    if not name or (equals and not all(paths.split(","))):
        return "must be `default`, or `id=path` with the path of a key or of an agent's socket"
    if name != "default" and (name.lower() == "default" or _is_misspelt(name, "default")):
        return f"there would be an agent of the name `{name}`; did you mean default?"
    return None


def repeated_ssh(agents: list[Any]) -> Iterator[Problem]:
    """Yield the items of `buildSsh` whose id is given already: a step gets one agent of an id."""
    seen: dict[str, int] = {}
    for index, agent in enumerate(map(plain, agents)):
        if isinstance(agent, str):
            name = agent.partition("=")[0]
            first = seen.setdefault(name, index)
            if first != index:
                yield Problem(f"[{index}]", f"has the id of item {first} again: a step gets one agent of an id")


def check_secret_id(name: str) -> str | None:
    """Say what is wrong with the id of a build secret, which the Dockerfile has in `--mount=type=secret,id=ID`."""
    is_sound = name and not re.search(r'[\s,="]', name)
    return (
        None if is_sound else "must be the id in `RUN --mount=type=secret,id=ID`: not empty, without blank, comma or ="
    )


def check_label(name: str) -> str | None:
    """Say what is wrong with the name of a label (Docker's `--label NAME=VALUE`)."""
    return None if name.strip() and "=" not in name else "a label's name must not be empty or hold ="


def check_context_name(name: str) -> str | None:
    """Say what is wrong with the name of a context: it is written as an image's (distribution/reference)."""
    wrong = _check_reference(name)
    return f"is no name for a context, which is written as an image's: {wrong}" if wrong else None


def check_context(value: str) -> str | None:
    """Say what is wrong with a context that is named by a scheme; whether a directory is there is seen later."""
    if half := _HALF_A_SCHEME.match(value):
        return f'must begin with "{half[0]}//" if it is no directory'
    if not (found := _SCHEME.fullmatch(value)):
        return None
    scheme, rest = found.groups()
    if scheme not in _SCHEMES:
        known = [f"{one}://" for one in _SCHEMES]
        return f'"{scheme}://" is no kind of context{nearest(f"{scheme}://", known) or listed(known)}'
    if not rest:
        return f'names nothing behind "{scheme}://"'
    return _check_reference(rest) if scheme == "docker-image" else None


def spelled_network(name: str) -> str | None:
    """Return the network as the builder is told of it: of the default one it is told nothing."""
    return None if name == "default" else name


def check_network(name: str) -> str | None:
    """Say that a network was probably to be one of those that every builder has."""
    misspelt = next((one for one in _NETWORKS if one != name and _is_misspelt(name, one)), None)
    return f"did you mean {misspelt}?" if misspelt else None


def is_sbom(value: str) -> bool:
    """Say whether a value is `true`, `false` or the image of a generator; `ture` and `yes` are rather no image."""
    if value in {"true", "false"}:
        return True
    if value.lower() in _SWITCHES or _is_misspelt(value, "true") or _is_misspelt(value, "false"):
        return False
    return bool(value) and check_context(f"docker-image://{value}") is None


def _is_misspelt(word: str, known: str) -> bool:
    """Say whether a word is another one misspelt, and not that one with something added to it."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it, every start would pay for it

    lowered = word.lower()
    if lowered == known:
        return word != known
    return known not in lowered and bool(get_close_matches(lowered, [known], cutoff=_MISSPELT))


def check_pattern(pattern: str) -> str | None:
    """Return what is wrong with a pattern of paths."""
    # The patterns reach the builder as lines of a file.
    return "a pattern must not hold a line break; make a list with one pattern an item" if "\n" in pattern else None

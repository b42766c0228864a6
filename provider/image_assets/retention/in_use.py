"""Which tags and digests of a repository are in use, as texts and exported Pulumi states name them. Pure."""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import field
from typing import Any, Final

from image_assets.aws.names import parse_host
from image_assets.errors import InputError
from image_assets.frozen import dataclass
from image_assets.protocol.exported_state import StateUnreadableError, parse_state, stored_value
from image_assets.reference import HUB, Repository
from image_assets.values import UNKNOWN, UNKNOWN_TEXT

_TAG: Final = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
_DIGEST: Final = r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}"
_A_TAG: Final = re.compile(_TAG)
_A_DIGEST: Final = re.compile(rf"(?<![0-9A-Za-z])(?:{_DIGEST})(?![0-9a-f])")
_ESCAPE: Final = re.compile(r"\\+(?:[nrtfb\"']|u[0-9A-Fa-f]{4})")
#: Start-up scripts of machines and secrets of Kubernetes are stored so.
_BASE64: Final = re.compile(r"[A-Za-z0-9+/\s]+={0,2}")
_SHORTEST_BASE64: Final = 16
_LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")
_HUB_HOSTS: Final = (HUB, "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com")

_IMAGES: Final = "image-assets:index:"
#: In the names of inputs and outputs that hold a repository, where its name alone does not mean its tag `latest`.
_PLACE: Final = "repositor"
_EXPORT: Final = "`pulumi stack export --show-secrets`"


@dataclass(frozen=True)
class Named:
    """What one source says is in use.

    Attributes:
        source: What it is called in reasons.
        tags: Tags of the repository.
        digests: Digests, of whatever repository: content has one name everywhere.
        words: Texts that are tags of the repository if it has such tags.
    """

    source: str
    tags: frozenset[str] = frozenset()
    digests: frozenset[str] = frozenset()
    words: frozenset[str] = field(default_factory=frozenset, repr=False)


class Names:
    """All names of one repository, and what in a text follows them.

    Args:
        repository: The repository.
        aliases: Other hosts that serve the same registry.
    """

    def __init__(self, repository: Repository, aliases: Iterable[str] = ()) -> None:
        self._own = frozenset((*_spellings(repository), *(f"{host}/{repository.path}" for host in aliases)))
        hosts = [re.escape(name) for name in sorted(self._own, key=len, reverse=True)]
        ecr = parse_host(repository.registry)
        if ecr:
            # ECR user guide, "Making requests to Amazon ECR registries": IPv4, FIPS and dual-stack hosts.
            forms = rf"{ecr.account}\.dkr[.-]ecr(?:-fips)?\.{re.escape(ecr.region)}\.[a-z0-9.-]+"
            hosts.append(f"{forms}/{re.escape(repository.path)}")
        self._pattern = re.compile(
            rf"(?<![A-Za-z0-9_.-])(?P<name>(?i:{'|'.join(hosts)}))(?![A-Za-z0-9_/-]|\.[A-Za-z0-9])"
            rf"(?::(?P<tag>{_TAG}))?(?:@(?P<digest>{_DIGEST}))?"
        )

    def found_in(self, text: str) -> Iterator[re.Match[str]]:
        """Yield the places where the repository is named, as matches with the groups `tag` and `digest`."""
        return self._pattern.finditer(text)

    def is_name(self, text: str) -> bool:
        """Say whether a text is the repository's name and nothing else."""
        match = self._pattern.fullmatch(text)
        return match is not None and match.group() == match["name"]


def in_text(text: str, names: Names, source: str) -> Named:
    """Return what a text, whatever its form, names.

    A name without tag and digest means the tag `latest`, as it does to container runtimes.

    Raises:
        InputError: It is JSON that breaks off.
    """
    if text.lstrip()[:1] in {"{", "["}:
        _check_json(text, source)
    return _named([text], names, source)


def in_state(text: str, names: Names, source: str) -> Named:
    """Return what a state names: any text in any resource, those that are being made or deleted included.

    Raises:
        InputError: It cannot be read to the last value: what is hidden there may be in use.
    """
    texts: list[str] = []
    words: set[str] = set()
    try:
        state = parse_state(text)
        for resource in map(stored_value, [*state.resources, *state.pending]):
            own = list(_texts("", _as_it_is_now(resource)))
            texts += (text for key, text in own if not (_PLACE in key.lower() and names.is_name(text)))
            if not _is_image_elsewhere(resource, names):
                words.update(text for _, text in own if _A_TAG.fullmatch(text))
    except StateUnreadableError as error:
        reason = f"the state {source} cannot be read, so nothing is deleted: {error}; write it by {_EXPORT}"
        raise InputError.single("", reason) from error
    named = _named(texts, names, source)
    return Named(source, named.tags, named.digests, frozenset(words))


def _as_it_is_now(resource: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leave the id out of an image of ours: it is the first address for ever, and the outputs have the present one."""
    if not str(resource.get("type", "")).startswith(_IMAGES) or not resource.get("outputs"):
        return resource
    return {key: value for key, value in resource.items() if key != "id"}


def _spellings(repository: Repository) -> Iterator[str]:
    """Yield the names that mean the same repository to every client."""
    if repository.registry == HUB:
        path = repository.path.removeprefix("library/")
        paths = (path,) if "/" in path else (path, f"library/{path}")
        yield from paths
        yield from (f"{host}/{one}" for host in _HUB_HOSTS for one in paths)
        return
    yield str(repository)
    if ":" not in repository.registry:
        yield f"{repository.registry}:443/{repository.path}"
    yield f"{repository.registry.removesuffix(':443')}/{repository.path}"
    host, colon, port = repository.registry.rpartition(":")
    if colon and host in _LOOPBACK:
        yield from (f"{other}:{port}/{repository.path}" for other in _LOOPBACK)


def _named(texts: Iterable[str], names: Names, source: str) -> Named:
    tags: set[str] = set()
    digests: set[str] = set()
    for text in (form for one in texts for form in _forms(one)):
        digests.update(_A_DIGEST.findall(text))
        for match in names.found_in(text):
            if match["tag"]:
                # What ends a sentence may be part of a tag.
                tags.update((match["tag"], match["tag"].rstrip("._-")))
            elif not match["digest"]:
                tags.add("latest")
    return Named(source, frozenset(tags), frozenset(digests))


def _forms(text: str) -> Iterator[str]:
    """Yield a text as it is, without JSON's escapes where it has some, and decoded where it is Base64."""
    yield text
    if "\\" in text:
        yield _ESCAPE.sub(" ", text.replace("\\/", "/"))
    if len(text) >= _SHORTEST_BASE64 and _BASE64.fullmatch(text.rstrip()):
        with suppress(ValueError):
            yield base64.b64decode(text).decode()


def _is_image_elsewhere(resource: Mapping[str, Any], names: Names) -> bool:
    """Say whether a resource is an image of ours in another repository, whose tags say nothing about this one."""
    if not str(resource.get("type", "")).startswith(_IMAGES):
        return False
    values = {**(resource.get("inputs") or {}), **(resource.get("outputs") or {})}
    places = [values[key] for key in ("repository", "repositoryUrl") if isinstance(values.get(key), str)]
    return bool(places) and not any(map(names.is_name, places)) and not values.get("destinations")


def _check_json(text: str, source: str) -> None:
    """Make sure that a text which begins as JSON is one JSON value after the other, to its end."""
    at, decoder = 0, json.JSONDecoder()
    try:
        while rest := text[at:].lstrip():
            at = len(text) - len(rest)
            at = decoder.raw_decode(text, at)[1]
    except (ValueError, RecursionError) as error:
        reason = f"{source} is JSON that cannot be read, so nothing is deleted: {error}"
        raise InputError.single("", reason) from error


def _texts(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield every text in a stored value, each with the key that it stands under.

    Raises:
        StateUnreadableError: One is encrypted, or was not known when the state was written.
    """
    if value is UNKNOWN:
        raise StateUnreadableError("values in it are encrypted")
    if isinstance(value, str):
        if UNKNOWN_TEXT in value:
            raise StateUnreadableError("a value in it is not known yet: finish `pulumi up`, or `pulumi refresh` it")
        yield key, value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(key, item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if "/" in name:
                yield key, name
            yield from _texts(name, item)

"""The names of images: `registry/repository:tag` and `registry/repository@digest`.

The grammar is the one of the OCI distribution spec ("Pulling manifests": `<name>` and `<reference>`) with Docker's
rules for names that leave the registry out (github.com/distribution/reference, "Grammar").
"""

import re

from image_assets.frozen import dataclass

HUB = "docker.io"
#: Digits of a hash that make a tag. 128 bits: no two contents meet, and every registry's and label's limit holds.
TAG_DIGITS = 32
_HUB_ALIASES = {"index.docker.io": HUB}
_API_HOSTS = {HUB: "registry-1.docker.io"}
# The spec advises clients to keep host and name together within what most registries and tools accept.
_LONGEST_NAME = 255

_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:.]+\])(?::(?P<port>[0-9]{{1,5}}))?")
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_SAMPLE_REGISTRY = "ghcr.io"
_SAMPLE_NAME = "app"


def api_host(registry: str) -> str:
    """Say which host serves the registry's API; Docker Hub's is not the one in its images' names."""
    return _API_HOSTS.get(registry, registry)


def familiar(name: str) -> str:
    """Return the form in which BuildKit compares names of contexts and images (distribution/reference, "familiar")."""
    bare = name.removeprefix(f"{HUB}/").removeprefix("library/")
    return bare.removesuffix(":latest").lower()


def check_tag(text: str) -> None:
    """Refuse what is not a tag.

    Raises:
        ValueError: Says what a tag may hold (OCI distribution spec, "Pulling manifests").
    """
    if not _TAG.fullmatch(text):
        raise ValueError(
            f'"{text}" is not a tag: write 1 to 128 letters, digits, "_", "." or "-", the first neither "." nor "-"'
        )


def check_digest(text: str) -> None:
    """Refuse what is not a digest in a registered algorithm.

    Raises:
        ValueError: Says how a digest is written (OCI image spec, "Digests").
    """
    if not is_digest(text):
        raise ValueError(f'"{text}" is not a digest: write "sha256:" and 64 hexadecimal digits in lower case')


def host_problem(text: str) -> str | None:
    """Say what to write where a text is no host name with an optional port, None if it is one."""
    match = _HOST.fullmatch(text)
    if match and 0 < int(match["port"] or 443) < 2**16:
        return None
    return 'is not a host name: write, for instance, "ghcr.io" or "localhost:5000"'


def is_digest(text: str) -> bool:
    """Say whether the text is a well-formed digest."""
    return _DIGEST.fullmatch(text) is not None


@dataclass(frozen=True, order=True)
class Repository:
    """A place for images in a registry.

    Attributes:
        registry: Host, with the port if there is one, as it stands in image names (`docker.io`, `localhost:5000`).
        path: The name inside the registry (`team/api`).
    """

    registry: str
    path: str

    @classmethod
    def parse(cls, text: str) -> "Repository":
        """Read a repository's name; one without a registry is on Docker Hub.

        Raises:
            ValueError: The text is not a repository; the message says what to write instead.
        """
        _refuse_login(text)
        _refuse_wrapping(text)
        _refuse_version(text)
        registry, path = _split(text)
        _check_host(registry, text)
        _check_path(path, text)
        if len(registry) + 1 + len(path) > _LONGEST_NAME:
            raise ValueError(f'"{text[:40]}..." is too long: {_LONGEST_NAME} characters at most, with the registry')
        return cls(registry=registry, path=path)

    @property
    def api_host(self) -> str:
        """The host that serves the API."""
        return api_host(self.registry)

    @property
    def full_path(self) -> str:
        """The name as the API wants it: Docker Hub keeps names of one part under `library/`."""
        return f"library/{self.path}" if self.registry == HUB and "/" not in self.path else self.path

    def __str__(self) -> str:
        """Show the name with its registry."""
        return f"{self.registry}/{self.path}"


@dataclass(frozen=True)
class Reference:
    """One image in a repository, by tag, by digest or by both (then the digest decides)."""

    repository: Repository
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Read an image's name; `latest` is meant where neither tag nor digest stands.

        Raises:
            ValueError: The text is not the name of an image; the message says what to write instead.
        """
        _refuse_login(text)
        name, at, digest = text.partition("@")
        if at:
            check_digest(digest)
        bare, colon, tag = _cut_tag(name)
        if colon:
            check_tag(tag)
        default = None if at else "latest"
        return cls(Repository.parse(bare), tag if colon else default, digest if at else None)

    @property
    def identifier(self) -> str:
        """What stands for the image in the API's paths."""
        return self.digest or self.tag or "latest"

    def __str__(self) -> str:
        """Show the name as Docker prints it."""
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.repository}{tag}{digest}"


def _refuse_login(text: str) -> None:
    """Refuse a login before the host, and do not show it."""
    login, at, place = text.rpartition("@")
    if at and ":" in login and "/" in place:
        meant = _suggested(place)
        raise ValueError(
            f'a name holds no login, and this one is not shown: write "{meant}", and log in to the registry'
        )


def _refuse_wrapping(text: str) -> None:
    """Refuse empty text, blanks around it and URLs."""
    if not text.strip():
        raise ValueError('the repository is empty: write, for instance, "ghcr.io/me/app"')
    if text != text.strip():
        raise ValueError(f'"{text}" has blanks around it: write "{_suggested(text)}"')
    if _SCHEME.match(text):
        raise ValueError(f'"{text}" is a URL, not a repository: write "{_suggested(text)}"')


def _refuse_version(text: str) -> None:
    """Refuse a tag or a digest behind the name."""
    name, at, _ = text.partition("@")
    bare, colon, tag = _cut_tag(name)
    if colon and "/" not in bare and tag.isdigit() and _is_registry(f"{bare}:"):
        if _is_registry(bare):
            raise ValueError(f'"{text}" names only a registry: write "{text}/NAME"')
        ours = _suggested(bare)
        raise ValueError(f'"{text}" may be a registry, or a repository with a tag: write "{text}/NAME" or "{ours}"')
    if at or colon:
        kind = "digest" if at else "tag"
        raise ValueError(f'"{text}" holds a {kind}, and a repository has none: write "{_suggested(text)}"')


def _cut_tag(name: str) -> tuple[str, str, str]:
    """Split `name:tag`; a colon before the last slash belongs to a port."""
    head, slash, last = name.rpartition("/")
    base, colon, tag = last.partition(":")
    return head + slash + base, colon, tag


def _split(text: str) -> tuple[str, str]:
    """Tell the registry from the path as Docker does: by a dot, a colon or the name `localhost`."""
    first, slash, rest = text.partition("/")
    if not _is_registry(first):
        return HUB, text
    if not slash or not rest:
        raise ValueError(
            f'"{text}" names only a registry: write "{first}/NAME" (or "{HUB}/library/NAME" for one on Docker Hub)'
        )
    host = first.lower()
    return _HUB_ALIASES.get(host, host), rest


def _is_registry(first: str) -> bool:
    """Say whether the first part of a name is a registry."""
    return "." in first or ":" in first or first.lower() == "localhost"


def _check_host(registry: str, text: str) -> None:
    """Refuse a registry that is no host name with an optional port."""
    if problem := host_problem(registry):
        raise ValueError(f'"{registry}" in "{text}" {problem}')


def _check_path(path: str, text: str) -> None:
    """Refuse a path that breaks the spec's grammar."""
    if path != path.lower():
        raise ValueError(f'"{text}" has capital letters: write "{_suggested(text)}"')
    for component in path.split("/"):
        if not _COMPONENT.fullmatch(component):
            raise ValueError(
                f'"{text}" is not a repository because of "{component}": each part between slashes is made '
                'of a-z and 0-9, and between those ".", "_", "__" or "-"; for instance '
                f'"{_suggested(text)}"'
            )


def _suggested(text: str) -> str:
    """Return the repository that was probably meant by a text which is none."""
    bare = _SCHEME.sub("", text.strip()).partition("@")[0]
    name = _cut_tag(bare)[0].rstrip("/")
    first, _, rest = name.partition("/")
    has_registry = _is_registry(first)
    registry = first.lower() if has_registry and host_problem(first) is None else _SAMPLE_REGISTRY
    path = "/".join(filter(None, map(_clean, (rest if has_registry else name).lower().split("/"))))
    # What stood behind a slash may look like a registry once it stands first.
    shown = f"{registry}/" if has_registry or _is_registry(path.partition("/")[0]) else ""
    return f"{shown}{path[: _LONGEST_NAME - len(shown)].rstrip('/._-') or _SAMPLE_NAME}"


def _clean(component: str) -> str:
    """Return a part of a path without what may not be in it."""
    if _COMPONENT.fullmatch(component):
        return component
    return re.sub(r"[^a-z0-9]*[^a-z0-9._-][^a-z0-9]*|[._-]{2,}", "-", component).strip("._-")

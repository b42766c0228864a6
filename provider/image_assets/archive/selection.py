"""Which image of an archive is meant: a pure choice among names and digests."""

from collections.abc import Sequence
from typing import Generic, TypeVar

from image_assets.archive.refusal import quoted
from image_assets.errors import InputError
from image_assets.frozen import dataclass

#: The input property that selects.
_PROPERTY = "image"
#: Docker shows IDs with twelve digits; fewer would be ambiguous with names such as `cafe`.
_SHORTEST_ID = 12
_LISTED = 20

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Candidate(Generic[T_co]):
    """An image that can be selected.

    Attributes:
        names: References it was saved under; none for `docker save ID`.
        digests: Digests that name it, the one it is listed by first.
        value: What the selection returns.
    """

    names: tuple[str, ...]
    digests: tuple[str, ...]
    value: T_co


def choose(candidates: Sequence[Candidate[T_co]], image: str | None) -> T_co:
    """Return the one image that is meant.

    Raises:
        InputError: No image, or several different ones, are called that; for property `image`.
    """
    found = [one for one in candidates if image is None or _is_called(one, image)]
    if not candidates:
        raise InputError.single(_PROPERTY, "the archive lists no image")
    if not found:
        called = "" if image is None else f" {quoted(image)}"
        raise InputError.single(_PROPERTY, f"the archive holds no image{called}; it holds {_listing(candidates)}")
    if len({one.digests[0] for one in found}) > 1:
        raise InputError.single(_PROPERTY, f"the archive holds several images, choose one of {_listing(found)}")
    return found[0].value


def matches(candidates: Sequence[Candidate[T_co]], image: str | None) -> bool:
    """Say whether `choose` would find exactly one."""
    return len({one.digests[0] for one in candidates if image is None or _is_called(one, image)}) == 1


def canonical(name: str) -> str:
    """Return the form in which two spellings of a reference are the same, as Docker's normalisation has it."""
    short = name.removeprefix("index.").removeprefix("docker.io/").removeprefix("library/")
    has_tag = ":" in short.rpartition("/")[2] or "@" in short
    return short if has_tag else f"{short}:latest"


def _is_called(candidate: Candidate[T_co], image: str) -> bool:
    """Say whether the user's text means this image."""
    return image in candidate.names or canonical(image) in map(canonical, candidate.names) or _is_id(candidate, image)


def _is_id(candidate: Candidate[T_co], image: str) -> bool:
    """Say whether the text is one of the digests, or the start of its hexadecimal part."""
    text = image.rpartition(":")[2]
    return len(text) >= _SHORTEST_ID and any(
        image == digest or (digest.partition(":")[2].startswith(text) and image in (text, f"sha256:{text}"))
        for digest in candidate.digests
    )


def _listing(candidates: Sequence[Candidate[T_co]]) -> str:
    """List what can be chosen, by name where there is one."""
    shown = [name for one in candidates for name in (one.names or one.digests[:1])]
    more = f" and {len(shown) - _LISTED} more" if len(shown) > _LISTED else ""
    return ", ".join(map(quoted, shown[:_LISTED])) + more if shown else "none"

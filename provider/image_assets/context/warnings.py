"""What a user should know of a context that is right, but perhaps not what was meant."""

import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from image_assets.context.faults import shown
from image_assets.context.records import EXECUTABLE, FILE

HEAVY_BYTES: Final = 500_000_000
HEAVY_FILES: Final = 100_000
_NAMED: Final = 3
_GIT: Final = ".git"
_CHANGING: Final = (_GIT, ".terraform", ".pulumi", "__pycache__", ".venv", "node_modules/.cache")
"""Directories that change although nobody edits anything in them."""
_GIT_FILE: Final = _GIT.encode() + b"\0"
"""What is in the record of the file that a worktree or a submodule has for the directory."""


def emptied_files(paths: Sequence[str]) -> tuple[str, ...]:
    """Return one warning that names the files which BuildKit sends without their content."""
    if not paths:
        return ()
    named = ", ".join(map(shown, sorted(paths)[:_NAMED]))
    more = f" and {len(paths) - _NAMED:,} more" if len(paths) > _NAMED else ""
    reason = "a pattern that ignores a directory above stands after the `!` pattern that includes the file again"
    return (f"BuildKit sends {named}{more} as empty, because {reason}: put the `!` pattern last",)


def changing_directories(context: str, directories: Collection[str], records: Sequence[bytes]) -> Iterator[str]:
    """Yield a warning of `.git`, and one of other directories that change by themselves, if they count.

    Args:
        context: The name of a named context, empty for the main one.
        directories: Paths of the directories that count, ending in `/`.
        records: Those of all entries.
    """
    found = {name: places for name in _CHANGING if (places := _places(name, directories, records))}
    where = f" of the context `{context}`" if context else ""
    remedy = "the context's ignore file" if context else "the ignore file or to `exclude`"
    if git := found.pop(_GIT, ()):
        yield (
            f"{_listed(git)}{where} reaches the builder and counts: the tag changes with every commit, fetch and "
            f"clone, even if nothing else does; add `{_pattern(_GIT, git)}` to {remedy}"
        )
    if found:
        named = ", ".join(_listed(places) for places in found.values())
        patterns = ", ".join(f"`{_pattern(name, places)}`" for name, places in found.items())
        yield (
            f"{named}{where} count although they change by themselves, and the tag changes with them; add {patterns} "
            f"to {remedy}"
        )


def _places(name: str, directories: Collection[str], records: Sequence[bytes]) -> list[str]:
    """Return the paths of the directories of a name; for git's, of files, too."""
    ending = f"/{name}/"
    found = [path.removesuffix("/") for path in directories if f"/{path}".endswith(ending)]
    if name == _GIT:
        # A digest may hold anything, too.
        split = (record.partition(b"\0") for record in records if _GIT_FILE in record)
        files = (path for path, mark, rest in split if mark + rest[:1] in (FILE, EXECUTABLE))
        found += [os.fsdecode(path) for path in files if (b"/" + path).endswith(b"/.git")]
    return sorted(found)


def _listed(places: Sequence[str]) -> str:
    more = f" ({len(places):,} of them)" if len(places) > 1 else ""
    return f"{shown(places[0])}{more}"


def _pattern(name: str, places: Sequence[str]) -> str:
    """Return the pattern of every language that keeps the places out."""
    return name if list(places) == [name] else f"**/{name}"


def heavy_directories(weights: Mapping[str, tuple[int, int]]) -> tuple[str, ...]:
    """Return one warning that names the largest directories, if the context passes a threshold.

    Args:
        weights: For each directory the count and the bytes of the files in it; none lies in another.
    """
    files = sum(count for count, _ in weights.values())
    size = sum(size for _, size in weights.values())
    if files <= HEAVY_FILES and size <= HEAVY_BYTES:
        return ()
    by_size = size > HEAVY_BYTES
    totals = Counter({path: weight[by_size] for path, weight in weights.items()})
    named = ", ".join(f"{shown(path)} ({_amount(total, by_size)})" for path, total in totals.most_common(_NAMED))
    advice = "leave out with the ignore file or `exclude` what the image does not need"
    return (f"the build context is large: {files:,} files, {_megabytes(size)}, mostly in {named}; {advice}",)


def _amount(total: int, by_size: bool) -> str:  # noqa: FBT001 - local
    return _megabytes(total) if by_size else f"{total:,} files"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"

"""What a user should know of a context that is right, but perhaps not what was meant."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from image_assets.context.faults import shown

HEAVY_BYTES: Final = 500_000_000
HEAVY_FILES: Final = 100_000
_NAMED: Final = 3


def emptied_files(paths: Sequence[str]) -> tuple[str, ...]:
    """Return one warning that names the files which BuildKit sends without their content."""
    if not paths:
        return ()
    named = ", ".join(map(shown, sorted(paths)[:_NAMED]))
    more = f" and {len(paths) - _NAMED:,} more" if len(paths) > _NAMED else ""
    reason = "a pattern that ignores a directory above stands after the `!` pattern that includes the file again"
    return (f"BuildKit sends {named}{more} as empty, because {reason}: put the `!` pattern last",)


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

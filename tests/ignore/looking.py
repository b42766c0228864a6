"""What a language's rules include of a list of paths, with no file system under them."""

from collections.abc import Iterable

from image_assets.ignore.rules import Level, Verdict


def included(level: Level, paths: Iterable[str]) -> set[str]:
    """Return the paths that count; those that end in `/` are directories."""
    return {path for path in paths if _counts(level, path) is Verdict.COUNTS}


def emptied(level: Level, paths: Iterable[str]) -> set[str]:
    """Return the files that are sent without their content."""
    return {path for path in paths if _counts(level, path) is Verdict.EMPTY}


def _counts(level: Level, path: str) -> Verdict:
    *above, name = path.rstrip("/").split("/")
    inside: Level | None = level
    for part in above:
        inside = inside.enter(part).level if inside else None
    if inside is None:
        return Verdict.IGNORED
    if not path.endswith("/"):
        return inside.judge(name)
    return Verdict.IGNORED if inside.enter(name).ignored else Verdict.COUNTS

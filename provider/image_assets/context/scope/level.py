"""The rules of a context that are narrowed to what can be copied."""

from image_assets.frozen import dataclass
from image_assets.ignore.rules import LEFT_OUT, Entered, Level, Picked, Verdict, pick_each


@dataclass(frozen=True)
class Scope:
    """What of a context can be copied.

    Attributes:
        paths: Files and directories from the root, the latter with all inside; None for the whole context.
        notices: Why it is the whole context, although it may be less.
        remarks: Why it is the whole context, and no less.
    """

    paths: frozenset[str] | None = None
    notices: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


class ScopedLevel:
    """The rules of a directory above what can be copied; inside, the context's own rules hold alone.

    Args:
        level: The context's own rules for this directory.
        paths: What can be copied.
        roads: The directories that lead there.
        directory: This directory, empty or ending in `/`.
    """

    def __init__(self, level: Level, paths: frozenset[str], roads: frozenset[str], directory: str = "") -> None:
        self._level = level
        self._paths = paths
        self._roads = roads
        self._directory = directory

    def judge(self, name: str) -> Verdict:
        """Judge an entry that is not a directory."""
        return self._level.judge(name) if self._directory + name in self._paths else Verdict.IGNORED

    def pick(self, names: list[str]) -> Picked:
        """Judge many such entries."""
        return pick_each(self.judge, names)

    def enter(self, name: str) -> Entered:
        """Judge a directory: on the way it counts only if something in it does."""
        path = self._directory + name
        if path in self._paths:
            return self._level.enter(name)
        if path not in self._roads:
            return LEFT_OUT
        inner = self._level.enter(name).level
        if inner is None:
            return LEFT_OUT
        return Entered(ignored=True, level=ScopedLevel(inner, self._paths, self._roads, path + "/"))


def narrowed(level: Level, scope: Scope) -> Level:
    """Narrow a context's rules to what can be copied."""
    if scope.paths is None:
        return level
    parts = [path.split("/") for path in scope.paths]
    roads = frozenset("/".join(part[:end]) for part in parts for end in range(1, len(part)))
    return ScopedLevel(level, scope.paths, roads)

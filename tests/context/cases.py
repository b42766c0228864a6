"""Random trees and random pattern lists that fit each other, each from a number."""

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_PLAIN = ("a", "b", "ab", "foo", "bar", "foo.py", "a.b", ".a", ".git", "node_modules", "x", "y.log", "A")
_ODD = (
    "é",
    "a b",
    "[a]",
    "a\\b",
    "!a",
    "#a",
    "*",
    "a*",
    "?",
    "^a",
    "a^",
    "{a}",
    "a+",
    "(a)",
    "a|b",
    "$a",
    "-",
    "日本",
    "~a",
    "a\nb",
)
_SEGMENTS = (
    "*",
    "**",
    "?",
    "*.py",
    "a*",
    "*a",
    "?a",
    "a?",
    "[ab]",
    "[^a]*",
    "[!a]",
    "[a-f]*",
    ".*",
    "*.*",
    "***",
    "a**",
    "**b",
    "\\a",
    "\\*",
    "[*]",
)
_WHOLE = (
    "**",
    "*",
    "!**",
    "!*",
    ".",
    "..",
    "/",
    "a/..",
    "**/*",
    "!**/*.py",
    "*/*",
    "**/a/**",
    "# comment",
    "",
    "  ",
    "**/",
    "/**",
)


@dataclass(frozen=True)
class Case:
    """A tree and the ignore file it is looked at with.

    Attributes:
        number: The seed; the same number is the same case.
        paths: Files by path; those that end in `/` are empty directories.
        ignore: The ignore file's content.
    """

    number: int
    paths: tuple[str, ...]
    ignore: str

    def build(self, root: Path) -> Path:
        """Write the tree."""
        root.mkdir(parents=True)
        for path in self.paths:
            target = root / path
            if path.endswith("/"):
                target.mkdir(parents=True, exist_ok=True)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(os.fsencode(path))
        return root


def make_case(number: int, *, odd_names: bool = True) -> Case:
    """Return the case of that number."""
    source = random.Random(number)
    paths = _paths(source, _PLAIN + _ODD if odd_names and source.random() < 0.4 else _PLAIN)
    lines = [_line(source, paths) for _ in range(source.choice((1, 1, 2, 3, 4, 6, 9)))]
    ending = source.choice(("\n", "\n", "\n", "\r\n"))
    mark = "\ufeff" if source.random() < 0.05 else ""
    return Case(number, paths, mark + ending.join(lines) + source.choice(("", ending)))


def _paths(source: random.Random, names: Sequence[str]) -> tuple[str, ...]:
    few = source.sample(names, source.randint(2, min(7, len(names))))
    files: set[str] = set()
    for _ in range(source.randint(1, 14)):
        path = "/".join(source.choices(few, k=source.choice((1, 1, 2, 2, 3, 3, 4, 5))))
        files.add(path + "/" if source.random() < 0.12 else path)
    return tuple(sorted(path for path in files if not _blocked(path, files)))


def _blocked(path: str, files: set[str]) -> bool:
    """Say whether a file of the set stands where this path needs a directory, or the other way round."""
    bare = path.rstrip("/")
    parts = bare.split("/")
    above = {"/".join(parts[:end]) for end in range(1, len(parts))}
    below = any(other.startswith(bare + "/") and other != path for other in files)
    return bool(above & files) or (not path.endswith("/") and below) or (path.endswith("/") and bare in files)


def _line(source: random.Random, paths: Sequence[str]) -> str:
    if source.random() < 0.12:
        return source.choice(_WHOLE)
    base = source.choice(paths).rstrip("/").split("/") if paths else ["a"]
    parts = [_segment(source, part) for part in base[: source.randint(1, len(base))]]
    if source.random() < 0.2:
        parts.insert(source.randint(0, len(parts)), source.choice(("**", "*", ".", "..", "")))
    text = "/".join(parts)
    if source.random() < 0.15:
        text += source.choice(("/", "/*", "/**", "/**/*", "//"))
    if source.random() < 0.15:
        text = source.choice(("/", "./", " ", "**/", "//", "\t")) + text
    if source.random() < 0.05:
        text += source.choice((" ", "\t", "\u00a0", "\u3000"))
    return ("!" if source.random() < 0.35 else "") + text


def _segment(source: random.Random, part: str) -> str:
    roll = source.random()
    if roll < 0.55:
        return part
    if roll < 0.85:
        return source.choice(_SEGMENTS)
    cut = source.randint(0, len(part))
    return part[:cut] + source.choice(("*", "?", "**", "[a-z]", "\\")) + part[cut + source.randint(0, 1) :]

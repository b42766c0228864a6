"""A docker pattern split into what judges the directory and what judges the name, where that changes no answer."""

import re
from collections.abc import Callable, Iterator, Sequence

from image_assets.frozen import dataclass
from image_assets.ignore.docker_pattern import DockerPattern, Kind
from image_assets.ignore.go_regexp import END, START, UNDECODED, Node, literal

_ANY_PATH = Node("(?s:.*/)?", slash=True)
_ANY_TEXT = Node("(?s:.*)", slash=True)
_ANY_NAME = "[^/]*"
_ANY_START = "(?s:.*?)"


@dataclass(frozen=True)
class Split:
    """Where a pattern can match, and what; the first of each group that is not None decides.

    Attributes:
        directory: The one directory, empty or ending in `/`, whose entries it can match.
        directory_regexp: Matches such directories; if None too, any directory will do.
        raw: Matches the whole path with its bytes as they are: moby compares these here, and not what Go decodes.
        whole: Matches the whole path; set if the pattern cannot be split.
        name: The entry's name.
        extension: The name's end, from its last dot.
        name_regexp: Matches the name; if None too, any name will do.
    """

    directory: str | None = None
    directory_regexp: re.Pattern[str] | None = None
    raw: re.Pattern[str] | None = None
    whole: re.Pattern[str] | None = None
    name: str | None = None
    extension: str | None = None
    name_regexp: re.Pattern[str] | None = None


def split(pattern: DockerPattern) -> Split:
    """Split one pattern."""
    return _BY_KIND[pattern.kind](pattern)


def _split_exact(pattern: DockerPattern) -> Split:
    directory, slash, name = pattern.text.rpartition("/")
    return Split(directory=directory + slash, name=name)


def _split_prefix(pattern: DockerPattern) -> Split:
    prefix = pattern.text[:-2]
    if UNDECODED in prefix:
        return Split(raw=re.compile(re.escape(prefix)))
    if prefix.endswith("/"):
        return Split(directory_regexp=re.compile(re.escape(prefix)))
    return Split(whole=re.compile(re.escape(prefix)))


def _split_suffix(pattern: DockerPattern) -> Split:
    # moby cuts two bytes off, which a byte-order mark in front turns into something else.
    suffix = pattern.text.encode("utf-8", "surrogateescape")[2:].decode("utf-8", "surrogateescape")
    if not suffix:
        return Split()
    start = [_ANY_PATH] if suffix.startswith("/") else [_ANY_TEXT]
    if UNDECODED in suffix:
        return Split(raw=re.compile(f"{start[0].text}{re.escape(suffix.removeprefix('/'))}\\Z"))
    return _split_nodes([*start, *map(literal, suffix.removeprefix("/"))])


def _split_regexp(pattern: DockerPattern) -> Split:
    if pattern.fault is not None:
        return Split()
    only, *more = pattern.alternatives
    inner = only[1:-1]
    if more or only[0] is not START or only[-1] is not END or any(node.assertion for node in inner):
        choice = "|".join("".join(node.text for node in nodes) for nodes in pattern.alternatives)
        return Split(whole=re.compile(f"{_ANY_START}(?:{choice})", re.ASCII))
    return _split_nodes(inner)


_BY_KIND: dict[Kind, Callable[[DockerPattern], Split]] = {
    Kind.EXACT: _split_exact,
    Kind.PREFIX: _split_prefix,
    Kind.SUFFIX: _split_suffix,
    Kind.REGEXP: _split_regexp,
}


def _split_nodes(nodes: Sequence[Node]) -> Split:
    last = max((index for index, node in enumerate(nodes) if node.slash), default=-1)
    if last >= 0 and not _ends_directory(nodes, last):
        return Split(whole=_regexp(nodes))
    return _with_name(nodes[: last + 1], nodes[last + 1 :])


def _ends_directory(nodes: Sequence[Node], index: int) -> bool:
    """Say whether what this node matches surely ends with the last `/` of the path, or is nothing at a name's start."""
    if nodes[index].literal == "/":
        return True
    return nodes[index].text.endswith("/)?") and (index == 0 or nodes[index - 1].literal == "/")


def _with_name(directory: Sequence[Node], name: Sequence[Node]) -> Split:
    fixed = _text(directory)
    regexp = None if fixed is not None or list(directory) == [_ANY_PATH] else _regexp(directory)
    text = _text(name)
    if text is not None:
        return Split(directory=fixed, directory_regexp=regexp, name=text)
    extension = _extension(name)
    name_regexp = None if extension is not None else _regexp(name)
    return Split(directory=fixed, directory_regexp=regexp, extension=extension, name_regexp=name_regexp)


def _extension(name: Sequence[Node]) -> str | None:
    """Return `.x` of a name part `*.x` that holds no other dot."""
    if not name or name[0].text != _ANY_NAME:
        return None
    text = _text(name[1:])
    return text if text is not None and text.startswith(".") and text.count(".") == 1 else None


def _text(nodes: Sequence[Node]) -> str | None:
    """Return the text that the nodes match, if it is just one."""
    if all(node.literal is not None for node in nodes):
        return "".join(node.literal or "" for node in nodes)
    return None


def _regexp(nodes: Sequence[Node]) -> re.Pattern[str]:
    return re.compile("".join(_settled(nodes)) + r"\Z", re.ASCII)


def _settled(nodes: Sequence[Node]) -> Iterator[str]:
    """Write the nodes so that stars need no backtracking, which RE2 does not do either.

    Between two stars the first place where the text fits is as good as any, so it is not left again.
    """
    position = 0
    while position < len(nodes):
        end = position + 1
        if nodes[position].text == _ANY_NAME:
            while end < len(nodes) and not (nodes[end].repeated or nodes[end].assertion):
                end += 1
            if end < len(nodes) and nodes[end].text == _ANY_NAME:
                yield "(?>[^/]*?" + "".join(node.text for node in nodes[position + 1 : end]) + ")"
                position = end
                continue
        yield nodes[position].text
        position += 1

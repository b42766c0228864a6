r"""Whether Go's `filepath.Match(pattern, ".")` fails: the test by which moby refuses a pattern.

It stops at the first part that cannot match, so that a fault behind it goes unnoticed. Written after the rules in
https://pkg.go.dev/path/filepath#Match and Go's `src/path/filepath/match.go`, for Unix.
"""

_NAME = "."


class _BadPatternError(ValueError):
    """Go's `ErrBadPattern`."""


def is_refused(pattern: str) -> bool:
    """Say whether matching the pattern against `.` ends in `ErrBadPattern`."""
    try:
        _match(pattern, _NAME)
    except _BadPatternError:
        return True
    return False


def _match(pattern: str, name: str) -> None:
    while pattern:
        star, chunk, pattern = _scan(pattern)
        if star and not chunk:
            return
        rest = _match_chunk(chunk, name)
        if rest is None or (rest and not pattern):
            rest = _skip(chunk, name, last=not pattern) if star else None
        if rest is None:
            return
        name = rest


def _skip(chunk: str, name: str, *, last: bool) -> str | None:
    """Let the star in front of the chunk take one character more each time; return what is left of the name."""
    for start in range(1, len(name) + 1):
        rest = _match_chunk(chunk, name[start:])
        if rest is not None and not (last and rest):
            return rest
    return None


def _scan(pattern: str) -> tuple[bool, str, str]:
    """Split off the stars in front and what follows up to the next star outside a class."""
    bare = pattern.lstrip("*")
    position, in_class = 0, False
    while position < len(bare):
        character = bare[position]
        if character == "*" and not in_class:
            break
        in_class = character == "[" or (in_class and character != "]")
        position += 1 + (character == "\\" and position + 1 < len(bare))
    return bare != pattern, bare[:position], bare[position:]


def _match_chunk(chunk: str, name: str) -> str | None:
    """Match the chunk at the name's start, reading it to its end in any case; return the rest of the name, or None."""
    matched = True
    position = 0
    while position < len(chunk):
        matched = matched and bool(name)
        hit, position = _match_one(chunk, position, name[:1])
        matched = matched and hit
        name = name[1:]
    return name if matched else None


def _match_one(chunk: str, position: int, character: str) -> tuple[bool, int]:
    """Match one item of a chunk against one character."""
    item = chunk[position]
    if item == "[":
        return _match_class(chunk, position + 1, character)
    if item == "?":
        return character != "/", position + 1
    if item == "\\":
        position += 1
        if position == len(chunk):
            raise _BadPatternError
    return chunk[position] == character, position + 1


def _match_class(chunk: str, position: int, character: str) -> tuple[bool, int]:
    negated = chunk.startswith("^", position)
    position += negated
    matched = False
    ranges = 0
    while not (ranges and chunk.startswith("]", position)):
        low, position = _bound(chunk, position)
        high = low
        if chunk[position] == "-":
            high, position = _bound(chunk, position + 1)
        matched = matched or low <= character <= high
        ranges += 1
    return matched is not negated, position + 1


def _bound(chunk: str, position: int) -> tuple[str, int]:
    """Read one bound of a range; there must be text behind it, too."""
    if position < len(chunk) and chunk[position] in "-]":
        raise _BadPatternError
    position += chunk.startswith("\\", position)
    if position + 1 >= len(chunk):
        raise _BadPatternError
    return chunk[position], position + 1

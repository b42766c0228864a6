"""What goes before what, and how many bytes go. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from image_assets.retention.model import Held, Stored, Verdict


def referrers_by_subject(held: Held) -> Mapping[str, Sequence[str]]:
    """Return the keys of what refers to something, by the digest of that."""
    found: dict[str, list[str]] = defaultdict(list)
    for key, one in held.items():
        for subject in one.subjects:
            found[subject].append(key)
    return found


def in_order(verdicts: Iterable[Verdict]) -> list[tuple[int, Stored]]:
    """Return what goes in an order in which nothing that is still there lacks a part.

    An index goes before its children, and those right behind it; something goes before what is about it, which is of
    use for as long as it is there. Each comes with how many such steps it is away from the first.
    """
    going = {one.stored.key: one.stored for one in verdicts if not one.stays}
    referrers = referrers_by_subject(going)
    behind = {
        key: [next_ for next_ in (*one.children, *referrers.get(one.digest, ())) if next_ in going and next_ != key]
        for key, one in going.items()
    }
    waiting: dict[str, int] = defaultdict(int)
    for others in behind.values():
        for key in others:
            waiting[key] += 1
    depths: dict[str, int] = {}
    for first in going:
        todo = [(first, 0)] if not waiting[first] and first not in depths else []
        while todo:
            key, depth = todo.pop()
            depths[key] = depth
            for other in behind[key]:
                waiting[other] -= 1
                if not waiting[other]:
                    todo.append((other, depth + 1))
    # Tags can be about each other in a circle; then any order is as good.
    depths |= {key: 0 for key in going if key not in depths}
    return [(depth, going[key]) for key, depth in depths.items()]


def sizes(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """Return by key how many bytes something takes, and of what goes, how many go with it.

    A layer that something else keeps does not go, and one that several take along counts once.
    """
    staying = {digest for one in verdicts if one.stays for digest, _ in one.stored.blobs}
    counted: set[str] = set()
    found = {}
    for one in verdicts:
        blobs = dict(one.stored.blobs)
        if not one.stays:
            blobs = {digest: size for digest, size in blobs.items() if digest not in staying and digest not in counted}
            counted.update(blobs)
        found[one.stored.key] = one.stored.size + sum(blobs.values())
    return found

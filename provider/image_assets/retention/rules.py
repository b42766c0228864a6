"""What stays and what goes. Pure: a look at the repository, what is in use, and the user's rules come in."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Final

from image_assets.frozen import dataclass
from image_assets.inputs.build_fields import CACHE_TAGS
from image_assets.retention.in_use import Named
from image_assets.retention.model import Held, Stored, Verdict
from image_assets.retention.order import referrers_by_subject

#: OCI distribution spec, "Referrers Tag Schema", and cosign's tags (`.sig`, `.att`, `.sbom`) after it.
_ABOUT: Final = re.compile(r"(sha256)-([0-9a-f]{64})(?:\..+)?|(sha512)-([0-9a-f]{64,128})(?:\..+)?")
#: Builders that want the same bytes every time write the epoch, that of zip files (1980), or Go's year 1.
_FIRST_YEAR: Final = 1981


@dataclass(frozen=True)
class Rules:
    """What the user wants kept.

    Attributes:
        keep_last: How many of the newest images; None for no such rule.
        min_age: What is younger stays; None for no such rule.
        protect: Patterns (`fnmatch`) of tags that stay.
        untagged_age: What has no tag, and is in nothing else, stays while it is younger: its tag may be on its way.
    """

    keep_last: int | None = None
    min_age: timedelta | None = None
    protect: tuple[str, ...] = ()
    untagged_age: timedelta = timedelta(days=1)


def decide(held: Held, named: Sequence[Named], rules: Rules, now: datetime) -> tuple[Verdict, ...]:
    """Return a verdict on everything that a repository holds."""
    inside = frozenset(child for one in held.values() for child in one.children)
    staying = _with_what_they_need(held, dict(_staying(held, inside, named, rules, now)))
    return tuple(
        Verdict(one, stays=key in staying, why=staying.get(key) or _why_it_goes(one, held, inside, rules))
        for key, one in held.items()
    )


def with_what_it_needs(held: Held, key: str) -> frozenset[str]:
    """Return the keys of a manifest, its children, all that refers to them, and so on."""
    return frozenset(_with_what_they_need(held, {key: ""}))


def subject_of_tag(tag: str) -> str | None:
    """Return the digest that a tag's manifest is about, by the tag's form."""
    match = _ABOUT.fullmatch(tag)
    return ":".join(filter(None, match.groups())) if match else None


def readable_time(text: object) -> datetime | None:
    """Read a time (RFC 3339); None for what is none, or is written to be always the same."""
    if not isinstance(text, str):
        return None
    try:
        # Go writes nanoseconds, of which Python takes six digits.
        found = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    except ValueError:
        return None
    return found if found.tzinfo and found.year >= _FIRST_YEAR else None


def shown(age: timedelta) -> str:
    """Write an age as the options take it."""
    for unit, seconds in (("d", 86400), ("h", 3600), ("m", 60)):
        if age.total_seconds() and age.total_seconds() % seconds == 0:
            return f"{age.total_seconds() / seconds:.0f}{unit}"
    return f"{age.total_seconds():.0f}s"


def _staying(
    held: Held, inside: AbstractSet[str], named: Sequence[Named], rules: Rules, now: datetime
) -> Iterator[tuple[str, str]]:
    """Yield key and reason of what stays for its own sake."""
    newest = _newest(held, rules.keep_last)
    used = _used(named)
    tests: tuple[Callable[[Stored], str | None], ...] = (
        lambda one: f"cannot be read: {one.fault}" if one.fault else None,
        used,
        lambda one: _protected(one, rules.protect),
        lambda one: next((f"a cache: {tag}" for tag in one.tags if fnmatchcase(tag, CACHE_TAGS)), None),
        lambda one: newest.get(one.key),
        lambda one: _young(one, rules.min_age, now) if _is_image(one) else None,
        lambda one: None if one.digest in inside else _on_its_way(one, held, rules, now),
    )
    for key, one in held.items():
        if why := next(filter(None, (test(one) for test in tests)), None):
            yield key, why


def _is_image(one: Stored) -> bool:
    """Say whether something has a tag that is not about something else: such are counted and have an age."""
    return any(subject_of_tag(tag) is None for tag in one.tags)


def _used(named: Sequence[Named]) -> Callable[[Stored], str | None]:
    digests = {digest: source.source for source in named for digest in source.digests}
    tags = {tag: source.source for source in named for tag in (*source.words, *source.tags)}

    def test(one: Stored) -> str | None:
        where = digests.get(one.digest) or next((tags[tag] for tag in one.tags if tag in tags), None)
        return f"in use: named in {where}" if where else None

    return test


def _protected(one: Stored, patterns: Sequence[str]) -> str | None:
    pairs = ((tag, pattern) for tag in one.tags for pattern in patterns if fnmatchcase(tag, pattern))
    return next((f"protected: {tag} fits {pattern}" for tag, pattern in pairs), None)


def _newest(held: Held, count: int | None) -> Mapping[str, str]:
    """Return the newest images.

    Those of unknown age count as older than all others; but where they would be among the newest, which of them are
    cannot be said, and all stay.
    """
    if count is None:
        return {}
    images = [one for one in held.values() if _is_image(one) and not any(fnmatchcase(t, CACHE_TAGS) for t in one.tags)]
    dated = [(one.created, one.tags, one) for one in images if one.created]
    dated.sort(key=lambda row: row[:2], reverse=True)
    found = {one.key: f"among the newest {count}" for *_, one in dated[:count]}
    if len(dated) < count:
        unknown = f"age unknown, perhaps among the newest {count}"
        found |= {one.key: unknown for one in images if one.created is None}
    return found


def _young(one: Stored, least: timedelta | None, now: datetime) -> str | None:
    if not least:
        return None
    if one.created is None:
        return "age unknown"
    return f"younger than {shown(least)}" if now - one.created < least else None


def _on_its_way(one: Stored, held: Held, rules: Rules, now: datetime) -> str | None:
    """Say why something without a tag that nothing else names is not to be touched."""
    if one.tags or any(subject in held for subject in one.subjects):
        return None
    if one.pushed is None:
        return None if one.subjects else "untagged since an unknown time: its tag may be on its way"
    if now - one.pushed < rules.untagged_age:
        return f"untagged, younger than {shown(rules.untagged_age)}: its tag may be on its way"
    return _young(one, rules.min_age, now)


def _with_what_they_need(held: Held, staying: dict[str, str]) -> dict[str, str]:
    """Add children and referrers of what stays, and theirs."""
    referrers = referrers_by_subject(held)
    todo = list(staying)
    while todo:
        one = held.get(todo.pop())
        if one is None:
            continue
        needed = [(child, "part of") for child in one.children]
        needed += [(other, "about") for other in referrers.get(one.digest, ())]
        for key, how in needed:
            if key in held and key not in staying:
                staying[key] = f"{how} {_label(one)}, which stays"
                todo.append(key)
    return staying


def _label(one: Stored) -> str:
    return one.tags[0] if one.tags else one.digest[:19]


def _why_it_goes(one: Stored, held: Held, inside: AbstractSet[str], rules: Rules) -> str:
    if _is_image(one):
        limits = [f"not among the newest {rules.keep_last}"] if rules.keep_last is not None else []
        limits += [f"older than {shown(rules.min_age)}"] if rules.min_age else []
        return ", ".join(["named nowhere", *limits])
    if one.subjects:
        there = any(subject in held for subject in one.subjects)
        return "about what goes" if there else "about what is gone"
    return "part of what goes" if one.digest in inside else "untagged, and part of nothing"

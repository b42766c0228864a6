"""Frozen dataclasses that are quick to define behave as the standard ones."""

import dataclasses
import pickle
from collections.abc import Callable
from dataclasses import field, replace
from functools import cached_property
from typing import Any

import pytest

from image_assets import frozen

DECORATORS = {"standard": dataclasses.dataclass, "quick": frozen.dataclass}


def make(decorator: Callable[..., Any]) -> tuple[Any, Any]:
    """Return a class with all that such classes have here, and one derived from it."""

    @decorator(frozen=True)
    class Base:
        a: int
        hidden: str = field(default="s3cr3t", repr=False)
        seen: list[int] = field(default_factory=list, compare=False)

        def __post_init__(self) -> None:
            object.__setattr__(self, "a", self.a + 1)

        @cached_property
        def twice(self) -> int:
            return 2 * self.a

    @decorator(frozen=True)
    class Derived(Base):
        b: int = 0

    return Base, Derived


def told(decorator: Callable[..., Any]) -> list[Any]:
    """Return what can be seen of instances."""
    base, derived = make(decorator)
    one, same, other = base(1), base(1, seen=[3]), base(1, "x")
    text = repr(one).rpartition(".")[2]
    return [
        text,
        one == same,
        one == other,
        hash(one) == hash(same),
        one == derived(1),
        derived(1) == derived(1, b=0),
        derived(1) == derived(1, b=1),
        repr(derived(1)).rpartition(".")[2],
        one == (2, "s3cr3t"),
        one.twice,
        replace(one, hidden="y").a,
        {one, same, other} == {one, other},
        dataclasses.asdict(other),
        [each.name for each in dataclasses.fields(derived)],
    ]


def test_instances_are_alike() -> None:
    assert told(frozen.dataclass) == told(dataclasses.dataclass)


@pytest.mark.parametrize("decorator", DECORATORS.values(), ids=DECORATORS)
def test_nothing_is_assigned_or_deleted(decorator: Callable[..., Any]) -> None:
    one = make(decorator)[1](1)
    for name in ("a", "b", "unheard_of"):
        with pytest.raises(dataclasses.FrozenInstanceError, match=name):
            setattr(one, name, 1)
    with pytest.raises(dataclasses.FrozenInstanceError, match="a"):
        del one.a


@pytest.mark.parametrize("decorator", DECORATORS.values(), ids=DECORATORS)
def test_what_a_class_defines_itself_stays(decorator: Callable[..., Any]) -> None:
    @decorator(frozen=True)
    class Own:
        a: int

        def __repr__(self) -> str:
            return "own"

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 7

    @decorator(frozen=True, eq=False, repr=False)
    class Plain:
        a: int

    own: Any = Own
    plain: Any = Plain
    assert (repr(own(1)), own(1) == own(2), hash(own(1))) == ("own", True, 7)
    assert plain(1) != plain(1)
    assert repr(plain(1)).startswith("<")


@frozen.dataclass(frozen=True)
class Sent:
    """Goes to another process."""

    a: int = 1
    b: tuple[int, ...] = ()


def test_it_goes_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(Sent(2, (3,)))) == Sent(2, (3,))


@pytest.mark.parametrize("chosen", [{"order": True}, {"slots": True}])
def test_what_is_asked_for_rarely_is_the_standard_one(chosen: dict[str, bool]) -> None:
    class Plain:
        a: int

    Plain.__annotations__ = {"a": int}
    made: Any = frozen.dataclass(frozen=True, **chosen)(Plain)
    with pytest.raises(dataclasses.FrozenInstanceError):
        made(1).a = 2
    assert made(1) == made(1)

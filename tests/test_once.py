"""What many threads want is asked for once."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from image_assets.errors import BuildError, CancelledByUserError
from image_assets.once import Answers
from image_assets.task import Task

OTHERS = 4
Calls = list[Callable[[], str]]


@dataclass
class Asked:
    """A question that is asked while others wait for the answer.

    Attributes:
        ends: How each of the calls ends; there must be no more than these.
        made: How many calls there were.
    """

    ends: Calls
    made: int = 0
    answers: Answers[str] = field(default_factory=Answers)
    asking: threading.Event = field(default_factory=threading.Event)
    may_end: threading.Event = field(default_factory=threading.Event)

    def call(self) -> str:
        end, self.made = self.ends[self.made], self.made + 1
        self.asking.set()
        assert self.may_end.wait(20)
        return end()

    def by_many(self) -> list[Future[str]]:
        """Ask from several threads; the first call ends when all others are under way."""
        arrived = threading.Barrier(OTHERS + 1)

        def other() -> str:
            arrived.wait(20)
            return self.answers.get("q", self.call, Task())

        with ThreadPoolExecutor(OTHERS + 1) as pool:
            first = pool.submit(self.answers.get, "q", self.call, Task())
            assert self.asking.wait(20)
            rest = [pool.submit(other) for _ in range(OTHERS)]
            arrived.wait(20)
            self.may_end.set()
            return [first, *rest]


def raising(error: Exception) -> Callable[[], str]:
    def end() -> str:
        raise error

    return end


def test_an_answer_is_kept() -> None:
    asked = Asked([lambda: "yes"])
    assert {one.result() for one in asked.by_many()} == {"yes"}
    assert asked.answers.get("q", asked.call, Task()) == "yes"
    assert asked.made == 1


def test_a_failure_is_not_kept_for_who_comes_later() -> None:
    asked = Asked([raising(BuildError("no")), *[lambda: "yes"] * OTHERS])
    with pytest.raises(BuildError):
        asked.by_many()[0].result()
    assert asked.answers.get("q", asked.call, Task()) == "yes"


@pytest.mark.parametrize("error", [CancelledByUserError("cancelled"), KeyError("mine")])
def test_who_waits_asks_for_himself_where_only_the_first_gave_up(error: Exception) -> None:
    """One resource's time is over (customTimeouts), or what it brought along is faulty: nobody else's fails."""
    asked = Asked([raising(error), lambda: "yes"])
    first, *others = asked.by_many()
    assert first.exception() is error
    assert {one.result() for one in others} == {"yes"}
    assert asked.made == 2


def test_waiting_can_be_cancelled() -> None:
    asked, task = Asked([lambda: "yes"]), Task()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(asked.answers.get, "q", asked.call, Task())
        assert asked.asking.wait(20)
        waiting = pool.submit(asked.answers.get, "q", asked.call, task)
        task.cancelled.set()
        assert isinstance(waiting.exception(20), CancelledByUserError)
        asked.may_end.set()
        assert first.result(20) == "yes"

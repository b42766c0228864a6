"""When a deployment is over, what is open is answered with nothing, and so is what the program begins because of it."""

import asyncio

from image_assets.plugin.composing import Composing


def test_what_depends_on_what_was_answered_with_nothing_is_answered_too() -> None:
    """The program learns late that it is over, later still on a busy machine, and the engine disconnects at once."""
    answered: list[str] = []

    async def component(name: str, composing: Composing, *later: str) -> None:
        answered.append(await composing.answer(_never(), f"nothing of {name}"))
        for one in later[:1]:
            await asyncio.sleep(0.06)
            dependants.append(asyncio.create_task(component(one, composing, *later[1:])))

    dependants: list[asyncio.Task[None]] = []

    async def deployment() -> list[str]:
        composing = Composing()
        dependants.append(asyncio.create_task(component("a", composing, "b", "c")))
        await asyncio.sleep(0)
        await composing.end()
        return list(answered)

    assert asyncio.run(deployment()) == ["nothing of a", "nothing of b", "nothing of c"]


def test_nothing_is_begun_when_all_is_over() -> None:
    begun: list[str] = []

    async def work() -> str:
        begun.append("work")
        return "something"

    async def deployment() -> tuple[str, str]:
        composing = Composing()
        before = await asyncio.create_task(composing.answer(work(), "nothing"))
        await composing.end()
        after = await asyncio.create_task(composing.answer(work(), "nothing"))
        return before, after

    assert asyncio.run(deployment()) == ("something", "nothing")
    assert begun == ["work"]


def test_an_end_with_nothing_open_waits_for_nothing() -> None:
    """Every deployment ends so: not a turn of the loop is lost."""

    async def deployment() -> bool:
        turned = asyncio.create_task(asyncio.sleep(0))
        await Composing().end()
        return turned.done()

    assert asyncio.run(deployment()) is False


async def _never() -> str:
    await asyncio.Event().wait()
    return "something"

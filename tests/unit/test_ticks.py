"""What has ended in time, although the machine stood still, and what has not."""

import asyncio
import time

import pytest

from tests.ticks import TICK_SECONDS, ends_within


async def answer(after: float) -> str:
    await asyncio.sleep(after)
    return "answer"


async def test_a_call_that_ends() -> None:
    assert await ends_within(answer(TICK_SECONDS / 2), 1) == "answer"


async def test_what_a_call_raises() -> None:
    async def failing() -> None:
        raise KeyError("planted")

    with pytest.raises(KeyError, match="planted"):
        await ends_within(failing(), 1)


async def test_a_call_that_does_not_end() -> None:
    cancelled = False

    async def hanging() -> None:
        nonlocal cancelled
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled = True
            raise

    with pytest.raises(AssertionError, match="not within"):
        await ends_within(hanging(), 5 * TICK_SECONDS)
    assert cancelled


async def test_a_loop_that_stands_still_counts_once() -> None:
    async def stalled() -> str:
        time.sleep(20 * TICK_SECONDS)  # noqa: ASYNC251 - that is what it is about
        return await answer(TICK_SECONDS)

    assert await ends_within(stalled(), 10 * TICK_SECONDS) == "answer"

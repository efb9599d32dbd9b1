"""Requests to several brokers at the same time."""

import asyncio

import pytest

from consumer.kafka.together import together


async def answer(what):
    await asyncio.sleep(0)
    return what


async def fail():
    await asyncio.sleep(0)
    raise ConnectionError("away")


class Endless:
    """A request without an answer, which takes a moment to end."""

    def __init__(self):
        self.ended = False

    async def run(self):
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.ended = True


async def test_answers_are_in_the_order_of_the_requests():
    assert await together(answer(number) for number in range(3)) == [0, 1, 2]
    assert await together([]) == []


async def test_when_one_fails_the_others_have_ended():
    endless = Endless()
    with pytest.raises(ConnectionError, match="away"):
        await together([endless.run(), fail()])
    assert endless.ended


async def test_when_the_caller_gives_up_all_have_ended():
    endless = Endless()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await together([endless.run(), answer(1)])
    assert asyncio.all_tasks() == {asyncio.current_task()}

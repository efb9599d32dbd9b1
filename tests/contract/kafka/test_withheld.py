"""Records that a leader says it has, and does not send."""

import asyncio

import pytest

from consumer.errors import BrokerUnavailable
from consumer.kafka import whereabouts as module
from consumer.kafka.answers import Answer
from consumer.kafka.fetcher import Fetched
from tests.contract.kafka.test_leaders import OK, WAIT_MS, instead, next_records, reader, until, world

__all__ = ["reader", "world"]


async def test_records_that_the_leader_has_and_does_not_send_are_reported(world, reader, monkeypatch):
    """As for a batch whose length has changed on its disk."""
    monkeypatch.setattr(module, "MISSING_SECONDS", 0.3)
    world.answers[1] = instead(1, OK)
    at, came = {0: 0, 1: 4}, {}
    async with asyncio.timeout(10):
        while not isinstance(came.get(1), BrokerUnavailable):
            came = await reader.fetch(at, timeout_ms=WAIT_MS)
            at |= {number: one.next for number, one in came.items() if isinstance(one, Fetched)}
    assert "the leader sends nothing from offset 4 on" in str(came[1])
    assert at[0] > 3
    world.answers[1] = next_records
    assert (await until(reader, {1: 4}, [1]))[1].next == 5


@pytest.mark.parametrize(
    ("answered", "withheld"),
    [
        ([(0, 4, 4, 9), (1, 7, 8, 9)], [0]),
        ([(1, 7, 8, 9), (0, 4, 4, 9)], []),  # perhaps it had no room
        ([(2, 9, 9, 9), (0, 4, 4, 9), (3, 5, 5, 9)], [0, 3]),
        ([(2, 9, 9, 9), (1, 7, 8, 9), (0, 4, 4, 9)], []),
    ],
)
def test_only_what_comes_before_all_records_of_an_answer_is_withheld(answered, withheld):
    """A leader has room for a batch of any size until then."""
    answer = Answer({n: Fetched(first, [], after, stable, stable) for n, first, after, stable in answered})
    assert [*module._withheld(answer, [number for number, *_ in answered])] == withheld

"""How often the database is asked for positions."""

import asyncio

import pytest

from consumer.api.log import POLL_SECONDS, Progress, position_of
from consumer.api.problems import Problem
from consumer.errors import ServiceUnavailable
from consumer.storage.protocols import base_of
from consumer.storage.queries import AppliedPosition
from producers.sending import Sent
from schemas.partitioning import murmur2_home


class Positions:
    """Of one partition; a question takes a moment, so that others come meanwhile."""

    def __init__(self) -> None:
        self.next = 5
        self.generation = 1
        self.asked = 0
        self.away = False

    async def applied(self, topic: str) -> dict[int, AppliedPosition]:
        self.asked += 1
        await asyncio.sleep(0.01)
        if self.away:
            raise ServiceUnavailable("away")
        return {0: AppliedPosition(self.generation, self.next)}

    async def partitions(self, topic: str) -> int:
        return 1


def progress_of(positions: Positions) -> Progress:
    return Progress(positions, topic="t", home_of=murmur2_home, patience=1)  # type: ignore[arg-type]


async def test_requests_of_one_moment_share_a_look() -> None:
    positions = Positions()
    progress = progress_of(positions)
    told = await asyncio.gather(*(progress.reached(None, "acme") for _ in range(50)))
    assert [each["Contracts-Position"] for each in told] == ["0/4"] * 50
    assert positions.asked == 1
    await asyncio.sleep(POLL_SECONDS)
    positions.next = 6
    assert (await progress.reached(None, "acme"))["Contracts-Position"] == "0/5"
    assert positions.asked == 2


async def test_who_asks_for_more_than_is_known_gets_a_new_look() -> None:
    positions = Positions()
    progress = progress_of(positions)
    await progress.reached(None)
    positions.next = 9
    assert (await progress.reached("0/8"))["Contracts-Position"] == "0/8"
    assert positions.asked == 2


async def test_a_failure_is_shared_and_nobody_waits_behind_it() -> None:
    positions = Positions()
    progress = progress_of(positions)
    positions.away = True
    failed = await asyncio.gather(*(progress.reached(None) for _ in range(50)), return_exceptions=True)
    assert {type(each) for each in failed} == {ServiceUnavailable}
    assert positions.asked == 1
    positions.away = False
    assert await progress.reached(None) == {"Contracts-Position": "0/4"}


async def test_one_who_leaves_does_not_take_the_others_look_away() -> None:
    progress = progress_of(Positions())
    leaving, staying = (asyncio.create_task(progress.reached(None)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == {"Contracts-Position": "0/4"}
    with pytest.raises(asyncio.CancelledError):
        await leaving


def sent(offset: int) -> Sent:
    return Sent("id", "acme", "t", 0, offset, 0)


async def test_a_position_of_a_log_that_was_replaced_is_never_reached() -> None:
    """The offset alone would be: the new log has come further than the old one had."""
    positions = Positions()
    progress = progress_of(positions)
    before = position_of(sent(7), await progress.refreshed())["Contracts-Position"]
    assert before == "0/7"
    positions.generation, positions.next = 2, 100
    await asyncio.sleep(POLL_SECONDS)
    with pytest.raises(Problem, match="log_replaced"):
        await progress.reached(before)
    now = (await progress.reached(None))["Contracts-Position"]
    assert now == f"0/{base_of(2) + 99}"
    assert (await progress.reached(now))["Contracts-Position"] == now


async def test_a_write_into_a_new_log_is_not_reached_before_an_operator_decides() -> None:
    """Topic created again, partition stopped: offsets start at 0, and the database has 5 of the old log."""
    positions = Positions()
    progress = progress_of(positions)
    wanted = position_of(sent(1), await progress.refreshed())["Contracts-Position"]
    with pytest.raises(Problem, match="position_not_reached"):
        await progress.reached(wanted)
    positions.generation, positions.next = 2, 2
    assert (await progress.reached(wanted))["Contracts-Position"] == wanted


async def test_without_the_database_a_write_names_no_position() -> None:
    positions = Positions()
    positions.away = True
    before = await progress_of(positions).refreshed()
    assert before is None
    assert position_of(sent(1), before) == {}

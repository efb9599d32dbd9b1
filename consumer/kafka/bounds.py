"""The first and last offsets of partitions: one request to each leader, not one for each partition.

And which partitions have no leader that could be asked.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from aiokafka.errors import for_code
from aiokafka.protocol.offset import OffsetRequest

from consumer.errors import BrokerUnavailable
from consumer.kafka.connection import broker_error
from consumer.kafka.leaders import NO_LEADER
from consumer.kafka.together import together

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

    from consumer.errors import LogError
    from consumer.kafka.leaders import Leaders

READ_UNCOMMITTED: Final = 0
READ_COMMITTED: Final = 1

_Lost = TypeVar("_Lost")

_PAUSES: Final = (0.0, 0.1, 0.3)
"""Pause between two tries, in seconds: a new partition has no leader for a moment."""

_LOOKS: Final = 10
"""How often it is looked within that time: most transactions end soon."""

_EARLIEST: Final = -2
_LATEST: Final = -1


class Bounds(NamedTuple):
    """First offset of a log, the offset after its last committed record, and its high watermark."""

    start: int
    stable: int
    end: int


async def look_up(leaders: Leaders, partitions: Collection[int]) -> dict[int, Bounds]:
    """The bounds of these partitions; tries again if a leader has changed.

    Raises:
        BrokerUnavailable, BrokerDenied: no answer.
        PartitionMissing: the brokers do not know one of them.
    """
    for pause in _PAUSES:
        try:
            return await _look_up(leaders, partitions)
        except BrokerUnavailable:
            await asyncio.sleep(pause)
            await leaders.refresh()
    return await _look_up(leaders, partitions)


async def leaderless(leaders: Leaders, partitions: Collection[int]) -> dict[int, LogError]:
    """Why these partitions cannot be read or written: no leader, or the brokers do not know them.

    Raises:
        BrokerUnavailable, BrokerDenied: no answer.
    """

    async def look() -> list[int]:
        await leaders.refresh()
        return leaders.of(partitions).get(NO_LEADER, [])

    return {number: leaders.why_lost(number) for number in await lasting(look)}


async def lasting(look: Callable[[], Awaitable[Collection[_Lost]]]) -> Collection[_Lost]:
    """The partitions without a leader that `look` still finds after some tries; none, once it finds none."""
    lost: Collection[_Lost] = ()
    for pause in _PAUSES:
        await asyncio.sleep(pause)
        if not (lost := await look()):
            break
    return lost


async def open_from(
    look: Callable[[Collection[int]], Awaitable[Mapping[int, Bounds]]],
    partitions: Collection[int],
    seconds: float,
) -> dict[int, int]:
    """The offsets from which on an open transaction has hidden records for all these `seconds`, by partition.

    `look` tells the bounds of partitions.
    """

    async def starts(numbers: Collection[int]) -> dict[int, int]:
        return {n: bounds.stable for n, bounds in (await look(numbers)).items() if bounds.stable < bounds.end}

    found = await starts(partitions)
    for _ in range(_LOOKS):
        if not found:
            break
        await asyncio.sleep(seconds / _LOOKS)
        now = await starts(found)
        found = {number: offset for number, offset in found.items() if now.get(number) == offset}
    return found


async def _look_up(leaders: Leaders, partitions: Collection[int]) -> dict[int, Bounds]:
    by_node = leaders.of(partitions)
    if lost := by_node.get(NO_LEADER):
        await leaders.refresh()
        by_node = leaders.of(partitions)
        if lost := by_node.get(NO_LEADER):
            raise leaders.why_lost(lost[0])
    answers = await together(_of_node(leaders, node, numbers) for node, numbers in by_node.items())
    return {number: bounds for answer in answers for number, bounds in answer.items()}


async def _of_node(leaders: Leaders, node: int, numbers: Sequence[int]) -> dict[int, Bounds]:
    """One request after the other, because all three only grow: so start <= stable <= end."""
    start = await _offsets(leaders, node, numbers, READ_UNCOMMITTED, _EARLIEST)
    stable = await _offsets(leaders, node, numbers, READ_COMMITTED, _LATEST)
    end = await _offsets(leaders, node, numbers, READ_UNCOMMITTED, _LATEST)
    return {number: Bounds(start[number], stable[number], end[number]) for number in numbers}


async def _offsets(
    leaders: Leaders, node: int, numbers: Sequence[int], isolation: int, time: int
) -> dict[int, int]:
    what = f"the offsets of {leaders.topic} cannot be looked up"
    request = OffsetRequest(-1, isolation, [(leaders.topic, [(number, time) for number in numbers])])
    response = await leaders.send(node, request, what)
    found: dict[int, int] = {}
    for _, answers in response.topics:
        for number, code, _, offset in answers:
            if code:
                raise broker_error(what, for_code(code)())
            found[number] = offset
    if len(found) < len(numbers):
        raise BrokerUnavailable(f"{what}: the answer does not have all of them")
    return found

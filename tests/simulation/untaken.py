"""Outputs that Kafka does not take for a time: a partition has no leader, or refuses what it is sent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from schemas.topics import CHANGED, COMMAND_RESULTS, STATE

if TYPE_CHECKING:
    import random

    from tests.simulation.broker import Broker

_SHARE: Final = 0.2
"""Of the schedules in which there are such times."""

_TOPICS: Final = (CHANGED, COMMAND_RESULTS, STATE)


class Untaken(NamedTuple):
    """A time in which a partition takes nothing: when it begins, where, and for how long, in seconds.

    `refuses`: it says so; otherwise it has no leader.
    """

    at: float
    topic: str
    partition: int
    seconds: float
    refuses: bool


def untaken_times(draw: random.Random, partitions: int, seconds: float) -> list[Untaken]:
    """Those of one schedule, which takes so long."""
    if draw.random() >= _SHARE:
        return []
    return [
        Untaken(
            draw.random() * seconds,
            draw.choice(_TOPICS),
            draw.randrange(partitions),
            draw.choice((0.1, 0.5, 3.0)),
            draw.random() < 0.5,
        )
        for _ in range(draw.randint(1, 4))
    ]


def take_nothing(broker: Broker, planned: list[Untaken]) -> None:
    """Plans them."""
    loop = asyncio.get_running_loop()
    for one in planned:
        those = broker.refusing if one.refuses else broker.leaderless
        loop.call_later(one.at, those.add, (one.topic, one.partition))
        loop.call_later(one.at + one.seconds, those.discard, (one.topic, one.partition))

"""A world whose processes speak Kafka's protocol: only the connections of their clients are simulated."""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING, Any

from consumer.kafka.fetcher import Fetcher
from consumer.kafka.journal import Journal
from consumer.kafka.publisher import Publisher
from tests.simulation import schedule
from tests.simulation.broker import JOURNAL
from tests.simulation.publisher import DEADLINE
from tests.simulation.wire.cluster import Cluster
from tests.simulation.wire.connection import connected, make_client
from tests.simulation.world import World
from tests.unit.engine.logs import TOPIC

if TYPE_CHECKING:
    from tests.simulation.calls import Caller
    from tests.simulation.chaos import Chaos


class WireWorld(World):
    """Everything of one schedule."""

    def __init__(self, chaos: Chaos, *, traced: bool = False) -> None:
        super().__init__(chaos, traced=traced)
        self.broker = Cluster(chaos, self._committed)

    def lateness(self) -> float:
        """Mostly a moment: what a broken connection has sent is at the broker already."""
        return self.chaos.random.random() * self.chaos.random.choice((0.01, 0.03, 0.1, 1.0))

    def clients(self, caller: Caller, worker: str) -> tuple[Any, Any, Any]:
        """The connections of a new worker: to the commands, for its transactions, to the journal."""
        client = partial(make_client, caller)
        return (
            Fetcher(client, TOPIC, max_bytes=1 << 20),
            Publisher(client, worker, deadline=DEADLINE),
            Journal(client, JOURNAL),
        )


def run(seed: int, *, traced: bool = False) -> World:
    """Runs the schedule of a seed.

    Raises:
        Violation: a promise was not kept.
    """
    random.seed(seed)  # aiokafka chooses brokers at random
    with connected():
        return schedule.run(seed, traced=traced, make_world=WireWorld)

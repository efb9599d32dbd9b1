"""New events, as a consumer sees them: how long until there are some?"""

import time
from collections.abc import Iterable
from contextlib import closing

from confluent_kafka import OFFSET_END, Consumer, TopicPartition

from tests.system.faults.scene import Scene
from tests.system.faults.workers import HANGS_SECONDS

RESULTS = "contracts.command-results"


def seconds_to_new_events(scene: Scene, partitions: Iterable[int]) -> float:
    """Until each of these partitions has published something that was not committed before now."""
    began = time.monotonic()
    waiting = set(partitions)
    topic = scene.prefix + RESULTS
    with closing(
        Consumer(
            {
                "bootstrap.servers": scene.checker.watched.bootstrap,
                "group.id": f"{scene.checker.watched.group}-watching",
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 50,
            }
        )
    ) as consumer:
        consumer.assign([TopicPartition(topic, number, OFFSET_END) for number in waiting])
        while waiting:
            for message in consumer.consume(num_messages=1_000, timeout=0.05):
                assert message.error() is None, message.error()
                waiting.discard(message.partition())
            assert time.monotonic() - began < HANGS_SECONDS, f"no new events in {waiting}"
    return time.monotonic() - began

"""What a process has learned of a partition's batches is not forgotten when the group assigns it again."""

from consumer import bootstrap
from consumer.engine.takeover import Resumed
from consumer.errors import BatchTooLarge
from consumer.settings import load_settings
from consumer.storage.memory import MemoryStore
from consumer.storage.protocols import Position
from consumer.telemetry.health import Health
from consumer.telemetry.metrics import Metrics
from tests.unit.engine.scene import ORIGIN


async def test_a_partition_that_comes_back_keeps_the_size_of_its_batches():
    settings = load_settings(topic_prefix="t.")
    _, workers = bootstrap.make_membership(
        settings, MemoryStore(), "cluster", {}, metrics=Metrics(), health=Health()
    )
    slow = workers.start([0, 1], 2).partitions[0]
    slow.batch_size.isolate(5, 9)
    slow.batch_size.halve(20)
    slow.batch_size.refused_alone(BatchTooLarge("TransactionTooLarge"), 60.0)
    worker = workers.start([1, 0], 2)
    assert worker.why_idle() == {}, "the refusal is an earlier worker's"
    again = worker.partitions
    for number, partition in again.items():
        partition.go_on_from(Resumed(Position(f"t.commands/{number}", ORIGIN, next=5), 5))
    assert {number: partition.batch_size.commands for number, partition in again.items()} == {0: 10, 1: 250}
    assert [again[number].alone for number in (0, 1)] == [True, False]

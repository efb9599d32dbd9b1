"""What tests of operators' decisions do with a scene."""

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from pymongo import MongoClient

from consumer.errors import PositionError
from devstack.proof.checker import OUTPUTS
from devstack.proof.records import LogRecord
from tests.system.faults.scene import Scene
from tests.system.faults.workers import Worker, until


def worked(scene: Scene, commands: int = 150) -> None:
    """The service has done its work, and was stopped."""
    worker = scene.start()
    scene.publish(commands)
    scene.done()
    worker.stop()


def unpublished(scene: Scene) -> None:
    """A worker died between the two transactions: what it stored is not published yet."""
    victim = scene.start(FAULTS_STOP_AT="stored:1:KILL")
    scene.publish(40)
    victim.wait_ended()
    assert scene.checker.watched.positions() != scene.checker.watched.published()


def all_stored(scene: Scene, commands: int = 40) -> None:
    """The same with all that is in the log of the only partition; the checker has read it."""
    scene.publish(commands)
    scene.checker.read_log()
    scene.start(FAULTS_STOP_AT="stored:1:KILL").wait_ended(60)
    (stored,), (published,) = (
        scene.checker.watched.positions().values(),
        scene.checker.watched.published().values(),
    )
    assert published < stored == scene.checker.watched.ends[0]


def stopped(scene: Scene, error: type[PositionError], partitions: int, *, untouched: bool = True) -> Worker:
    """A worker that stopped in so many partitions with this error, and goes on running.

    Args:
        untouched: nothing of them was written or published; else what came before the error may be.
    """
    before = standing(scene)
    worker = scene.start()
    stops = until(
        lambda: _stops(worker, error, partitions), f"all stop with {error.__name__}: {worker.tail()}"
    )
    numbers = {int(line["error"].split(":")[0].rpartition("/")[2]) for line in stops}
    assert len(numbers) == partitions
    assert len(list(worker.lines("partition stopped"))) == partitions
    for line in stops:
        assert f"{error.decision}`" in line["hint"]
    if untouched:
        after = standing(scene)
        assert {n: after[n] for n in numbers} == {n: before[n] for n in numbers}
    return worker


def _stops(worker: Worker, error: type[PositionError], partitions: int) -> list[dict[str, Any]]:
    worker.check()
    words = error.why.split("{")[0].strip()
    lines = [line for line in worker.lines("partition stopped") if words in line["error"]]
    return lines if len(lines) >= partitions else []


def standing(scene: Scene) -> dict[int, Any]:
    """Of each partition: its position, what it has stored for publishing, and how many outputs there are."""
    numbers = range(scene.checker.watched.partitions)
    found = {each["_id"]: each for each in database(scene).positions.find()}
    positions = {n: found.get(f"{scene.checker.watched.topic}/{n}", {}) for n in numbers}
    outbox = {each["_id"]: each for each in database(scene).outbox.find()}
    published = _published(scene, numbers)
    return {
        n: (position.get("next"), position.get("generation"), position.get("outbox"), outbox, published[n])
        for n, position in positions.items()
    }


def _published(scene: Scene, numbers: Iterable[int]) -> dict[int, list[int]]:
    """How many outputs there are. The ends of the logs say less: an ended transaction moves them, too."""
    topics = [scene.prefix + topic for topic in OUTPUTS]
    counts = {(topic, number): 0 for topic in topics for number in numbers}
    with closing(
        Consumer(
            {
                "bootstrap.servers": scene.checker.watched.bootstrap,
                "group.id": "nobody",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "log_level": 0,
            }
        )
    ) as consumer:
        consumer.assign([TopicPartition(*each, OFFSET_BEGINNING) for each in counts])
        left = set(counts)
        while left:
            message = consumer.poll(30)
            assert message is not None, f"not read to their ends: {left}"
            place = message.topic(), message.partition()
            if message.error() is None:
                counts[place] += 1
            else:
                assert message.error().code() == KafkaError._PARTITION_EOF
                left.discard(place)
    return {number: [counts[topic, number] for topic in topics] for number in numbers}


def decided(scene: Scene, worker: Worker, *decision: str) -> None:
    """Stops the service, lets the operator decide, and starts it again."""
    if worker.running:
        worker.stop()
    scene.contracts("positions", "reset", *decision)
    scene.start()


def database(scene: Scene) -> Any:
    """Past the service."""
    return MongoClient[dict[str, Any]](scene.checker.watched.mongo_uri)[scene.checker.watched.database]


def finished(futures: dict[Any, Any]) -> None:
    """What was asked of a broker is done."""
    for future in futures.values():
        future.result(30)


def members(admin: AdminClient, group: str) -> int:
    """How many processes the group has."""
    return len(admin.describe_consumer_groups([group])[group].result(30).members)


def remake(scene: Scene, admin: AdminClient, topic: str) -> None:
    """The topic is deleted and made anew, empty."""
    finished(admin.delete_topics([topic], operation_timeout=30))
    until(lambda: topic not in admin.list_topics().topics, f"{topic} is gone")
    scene.create_topics(scene.checker.watched.bootstrap)


@contextmanager
def created_times(admin: AdminClient, topic: str) -> Iterator[None]:
    """Records have the times that their producer gives them, as those of a copy must."""
    _timestamps(admin, topic, "CreateTime")
    yield
    _timestamps(admin, topic, "LogAppendTime")


def _timestamps(admin: AdminClient, topic: str, kind: str) -> None:
    settings = {"message.timestamp.type": kind, "message.timestamp.after.max.ms": str(2**63 - 1)}
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        for name, value in settings.items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    finished(admin.incremental_alter_configs([resource]))


def records_of(scene: Scene) -> list[LogRecord]:
    """The command log as it is."""
    scene.checker.watched.skip_to(dict.fromkeys(range(scene.checker.watched.partitions), 0))
    return scene.checker.watched.read([scene.checker.watched.topic])


def send_again(scene: Scene, records: Iterable[LogRecord]) -> None:
    """The same records at the same offsets, where the topic is empty and the offsets have no holes."""
    producer = Producer({"bootstrap.servers": scene.checker.watched.bootstrap, "enable.idempotence": True})
    for record in records:
        producer.produce(
            record.topic,
            key=record.key,
            value=record.value,
            partition=record.partition,
            timestamp=record.timestamp,
            headers=record.headers,
        )
    assert producer.flush(30) == 0

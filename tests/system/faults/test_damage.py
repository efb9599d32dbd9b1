"""Bytes of the command log that have changed on the broker's disk.

What is sound before them is applied, the damaged batch is named and tried again, and an operator decides
when it stays damaged; then what follows is applied, and everything once.
"""

import json
from contextlib import closing
from pathlib import Path
from struct import unpack_from
from typing import Any, NamedTuple

import pytest
from confluent_kafka import Consumer, TopicPartition

from consumer.errors import JournalDamaged, LogDamaged
from devstack.kafka import ApacheKafka
from devstack.proof.load import Load
from schemas.topics import POSITIONS
from tests.system.faults.conftest import MakeScene
from tests.system.faults.deciding import all_stored, decided, stopped, worked
from tests.system.faults.events import seconds_to_new_events
from tests.system.faults.scene import Scene

pytestmark = pytest.mark.fault

PARTITIONS = 2


class Batch(NamedTuple):
    """A batch in a segment: its offsets, and where its length and its last byte stand."""

    first: int
    after: int
    segment: Path
    length: int
    last_byte: int

    def flip(self) -> None:
        """Damages it; once more makes it sound again."""
        self._flip(self.last_byte, 1)

    def flip_length(self) -> None:
        """Makes it longer than the log; once more makes it sound again."""
        self._flip(self.length, 0x40)

    def _flip(self, at: int, bit: int) -> None:
        with self.segment.open("r+b") as file:
            file.seek(at)
            (byte,) = file.read(1)
            file.seek(at)
            file.write(bytes([byte ^ bit]))


def batch_with(kafka: ApacheKafka, topic: str, offset: int) -> Batch:
    """The batch of partition 0 that holds this offset."""
    (segment,) = kafka.data.glob(f"{topic}-0/*.log")
    log, at = segment.read_bytes(), 0
    while at < len(log):
        first, length = unpack_from(">qi", log, at)
        (distance,) = unpack_from(">i", log, at + 23)
        at += 12 + length
        if first <= offset <= first + distance:
            return Batch(first, first + distance + 1, segment, at - length - 4, at - 1)
    raise AssertionError(f"offset {offset} is not in {segment}")


@pytest.fixture
def scene(make_scene: MakeScene, mongo: Any) -> Scene:
    made = make_scene(mongo, partitions=PARTITIONS, accounts=40)
    made.load = Load(1, accounts=40, rubbish=0, misplaced=0)
    return made


def sound_before_and_after(scene: Scene, kafka: ApacheKafka) -> Batch:
    """Commands that nobody has applied yet, of which the checker has read those before the batch returned."""
    scene.publish(30)
    scene.checker.read_log()
    begin = scene.checker.watched.ends[0]
    scene.publish(40)
    scene.publish(40)
    return batch_with(kafka, scene.checker.watched.topic, begin)


def test_damaged_on_the_only_replica(scene: Scene, apache_kafka: ApacheKafka) -> None:
    worked(scene)
    batch = sound_before_and_after(scene, apache_kafka)
    apache_kafka.stop()
    batch.flip()
    apache_kafka.start()
    worker = scene.start(FAULTS_PATIENCE="2")
    tried = worker.wait_for("partition cannot be read", partition=0)
    assert f"offset {batch.first} are damaged" in tried["error"]
    stop = worker.wait_for("partition stopped", partition=0)
    assert f"offset {batch.first} are damaged" in stop["error"]
    assert "--past-damage`" in stop["hint"]
    assert scene.checker.watched.positions()[0] == scene.checker.watched.published()[0] == batch.first
    assert len(list(worker.lines("partition stopped"))) == 1
    worker.stop()
    rows = [json.loads(line) for line in scene.contracts("positions", "show", "--json").splitlines()]
    assert [row["decision"] for row in rows] == ["--past-damage", None]
    assert f"offset {batch.first} are damaged" in rows[0]["problem"]
    with pytest.raises(AssertionError, match="partition 0 asks for --past-damage"):
        scene.contracts("positions", "reset", "--to-log-end")
    scene.checker.watched.skip_to({0: batch.after})
    decided(scene, worker, "--past-damage")
    assert f"partition 0: skipped offsets {batch.first} to {batch.after - 1}\n" in scene.told
    scene.done()


def test_what_is_sound_again_is_read_on_without_a_decision(scene: Scene, apache_kafka: ApacheKafka) -> None:
    """As when another replica leads."""
    worked(scene)
    batch = sound_before_and_after(scene, apache_kafka)
    batch.flip()
    worker = scene.start()
    worker.wait_for("partition cannot be read", partition=0)
    batch.flip()
    worker.wait_for("partition can be read again", partition=0)
    scene.done()
    worker.stop()
    with pytest.raises(AssertionError, match="nothing is damaged at offset"):
        scene.contracts("positions", "reset", "--past-damage", "--partition=0", "--force")


def test_what_the_broker_cannot_find_any_more(scene: Scene, apache_kafka: ApacheKafka) -> None:
    """It sends nothing then, and no error: a batch whose length has changed reaches beyond its log."""
    worked(scene)
    batch = sound_before_and_after(scene, apache_kafka)
    batch.flip_length()
    worker = scene.start()
    found = worker.wait_for("partition cannot be read", partition=0)
    assert f"sends nothing from offset {batch.first} on" in found["error"]
    batch.flip_length()
    worker.wait_for("partition can be read again", partition=0)
    scene.done()
    worker.stop()


def test_the_record_that_was_applied_last(scene: Scene, apache_kafka: ApacheKafka) -> None:
    """Nobody can tell whether the log is still the same one; nothing is lost by going on."""
    worked(scene)
    reached = scene.checker.watched.positions()[0]
    scene.publish(40)
    scene.checker.read_log()
    batch = batch_with(apache_kafka, scene.checker.watched.topic, reached - 1)
    batch.flip()
    worker = stopped(scene, LogDamaged, 1)
    decided(scene, worker, "--past-damage")
    scene.done()


def test_the_record_that_was_stored_last_and_not_published(
    make_scene: MakeScene, mongo: Any, apache_kafka: ApacheKafka
) -> None:
    """No takeover can publish it, for the partition stops before that: the decision does."""
    scene = make_scene(mongo, partitions=1, accounts=40)
    scene.load = Load(1, accounts=40, rubbish=0, misplaced=0)
    worked(scene)
    all_stored(scene)
    batch_with(apache_kafka, scene.checker.watched.topic, scene.checker.watched.positions()[0] - 1).flip()
    worker = stopped(scene, LogDamaged, 1)
    decided(scene, worker, "--past-damage")
    assert "partition 0: published outputs that were stored and not published yet: " in scene.told
    scene.publish(40)
    scene.done()


def test_the_last_records_of_the_journal(scene: Scene, apache_kafka: ApacheKafka) -> None:
    """Perhaps they were a later progress; the next progress, which the decision writes, makes up for it."""
    worked(scene)
    scene.checker.watched.published()
    journal = scene.prefix + POSITIONS
    batch_with(apache_kafka, journal, released(scene, journal)).flip()
    worker = stopped(scene, JournalDamaged, 1)
    with scene.flowing(60):
        seconds_to_new_events(scene, [1])
    decided(scene, worker, "--to-database")
    scene.publish(40)
    scene.done()


def released(scene: Scene, journal: str) -> int:
    """The offset of the last record in the journal of partition 0; a marker is behind it."""
    nobody = {"bootstrap.servers": scene.checker.watched.bootstrap, "group.id": "nobody", "log_level": 0}
    with closing(Consumer(nobody)) as consumer:
        _, end = consumer.get_watermark_offsets(TopicPartition(journal, 0))
    return int(end) - 2

"""What a takeover finds stored and not published, and a publisher for it."""

import asyncio

import pytest

from consumer.engine.catching_up import CatchingUp, Part
from consumer.errors import BrokerUnavailable, PublishInDoubt, PublishRefused
from consumer.kafka.journal_entries import Claim, Progress, entry_of, journal_batch
from consumer.kafka.patience import Patience
from consumer.kafka.recordbatches import outputs_in, pack

JOURNAL = "journal"


class Kafka:
    """In the place of a Publisher: larger transactions than `bearable` batches are in doubt."""

    def __init__(self):
        self.bearable = 100
        self.refused = set()
        self.refusal = PublishRefused
        self.leaderless_now = set()
        self.sizes = []
        self.published = []
        self.cause = TimeoutError()
        self.seconds = 0
        self.patience = Patience(1.0)

    async def publish(self, batches, *, patient):
        assert patient
        await asyncio.sleep(self.seconds)
        outputs = [batch for batch in batches if batch.topic != JOURNAL]
        self.sizes.append(len(outputs))
        if refused := {target_of(batch) for batch in outputs} & self.refused:
            raise self.refusal("raise max.message.bytes of the topic", sorted(refused))
        if len(outputs) > self.bearable:
            raise PublishInDoubt("no answer in time") from self.cause
        self.published.append(batches)

    async def leaderless(self, partitions):
        return {
            (topic, number): BrokerUnavailable(f"{topic}/{number} has no leader")
            for topic, number in self.leaderless_now & {*partitions}
        }

    def entries(self):
        """The journal's entries of each transaction."""
        return [
            [(e.partition, entry_of(e.key, e.value)) for e in outputs_in(batches) if e.topic == JOURNAL]
            for batches in self.published
        ]

    def outputs(self):
        """Partition and worker of all outputs, in order."""
        return [
            (one.partition, entry_of(one.key, one.value).by)
            for batches in self.published
            for one in outputs_in(batches)
            if one.topic != JOURNAL
        ]


def target_of(batch):
    return batch.topic, batch.partition


def part(partition, reached, *outputs, forgotten=(), output=None):
    """`output`: the partition of the outputs, if another."""
    # Entries of the journal are the simplest record batches; only their topic says what they are here.
    to = partition if output is None else output
    frames = pack(journal_batch("outputs", to, Claim(text), 0) for text in outputs)
    return Part(partition, frames, Progress(reached, 1, "me"), forgotten)


@pytest.fixture
def kafka():
    return Kafka()


@pytest.fixture
def catching_up(kafka):
    return CatchingUp(kafka, JOURNAL, lambda: None)


FOUR = [part(0, 5, "a"), part(0, 9, "b"), part(1, 7, "c"), part(2, 4, "d")]

"""What C can be, by the outbox and the last answer; and that answer, as real brokers keep it."""

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

from consumer.bootstrap import make_feed
from consumer.errors import BrokerUnavailable
from consumer.pipeline.published import Possible, ResultLog, possible
from consumer.settings import load_settings
from consumer.storage.protocols import OutboxSlot, Position, base_of
from producers.recordbatches import BatchWriter, Output, pack
from schemas.cloudevents import sequence
from schemas.topics import COMMAND_RESULTS, DEAD_LETTERS
from tests.pipeline.world import ORIGIN, PLACE

MANY = 700
"""Beyond the first look back from the end, and the second."""


def slot(first, following, *answers, generation=1, answered_in=1):
    """The outputs of a batch: an answer to each of these offsets, or a dead letter."""
    writer = BatchWriter("gzip")
    for offset in answers:
        of = sequence(base_of(answered_in) + offset, 1).encode()
        writer.add(Output(f"prefix.{COMMAND_RESULTS}", 0, b"a", b"{}", [("ce_sequence", of)], 0))
    writer.add(Output(f"prefix.{DEAD_LETTERS}", 0, b"a", b"{}", [], 0))
    return OutboxSlot(first, generation, first, following, pack(writer.finish()))


def at(offset, generation=1):
    return Position(PLACE, ORIGIN, next=offset, generation=generation)


BATCHES = [slot(0, 4, 1, 2), slot(4, 9, 4, 7)]


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        (None, Possible([0, 4, 9], beyond=10, proven=False, hole=0)),
        (2, Possible([4], beyond=None, proven=True, hole=0)),
        (7, Possible([9], beyond=10, proven=True, hole=0)),
        (9, Possible([], beyond=10, proven=True, hole=0)),
        (12, Possible([], beyond=13, proven=True, hole=0)),
        (1, Possible([], beyond=None, proven=False, hole=9)),
        (4, Possible([], beyond=None, proven=False, hole=9)),
        (base_of(2) + 3, Possible([0, 4, 9], beyond=10, proven=False, hole=0)),
    ],
)
def test_the_last_answer_tells_which_batches_are_published(answered, expected):
    assert possible(at(9), BATCHES, answered) == expected


@pytest.mark.parametrize(
    ("slots", "answered", "expected"),
    [
        ([], 3, Possible([9], beyond=10, proven=False, hole=9)),
        ([slot(0, 4, 1), slot(5, 9, 7)], 3, Possible([5], beyond=None, proven=True, hole=5)),
        ([slot(0, 4, 1), slot(4, 8, 7)], 7, Possible([9], beyond=10, proven=False, hole=9)),
        ([slot(0, 4, 1), slot(4, 9)], 1, Possible([4, 9], beyond=10, proven=True, hole=0)),
        ([slot(0, 4), slot(4, 9, 7)], None, Possible([0, 4, 9], beyond=10, proven=False, hole=0)),
        ([slot(2, 4), slot(4, 9, 7)], 1, Possible([2, 4], beyond=None, proven=True, hole=2)),
    ],
    ids=["no outbox", "a hole", "no way to P", "no last answer", "none left", "no first answer"],
)
def test_what_the_outbox_lacks_is_left_open(slots, answered, expected):
    assert possible(at(9), slots, answered) == expected


def test_batches_that_were_taken_over_into_a_new_generation_are_known_by_their_answers():
    taken_over = [slot(0, 4, 2, generation=2), slot(4, 9, 7, generation=2)]
    assert possible(at(9, generation=2), taken_over, 2).offsets == [4]
    assert possible(at(9, generation=2), taken_over, 7).offsets == [9]


@pytest.fixture
def settings(apache_kafka):
    return load_settings(kafka_bootstrap_servers=apache_kafka.bootstrap)


@pytest.fixture
async def admin(settings):
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    await admin.start()
    yield admin
    await admin.close()


@pytest.fixture
async def results(settings, admin, topic_prefix):
    topic = f"{topic_prefix}results"
    await admin.create_topics([NewTopic(topic, 1, 1)])
    async with AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap_servers, transactional_id=topic
    ) as producer:
        yield Results(producer, topic, ResultLog(lambda: make_feed(settings), topic, 0))


class Results:
    def __init__(self, producer, topic, log):
        self.producer = producer
        self.topic = topic
        self.log = log

    async def answer(self, *offsets, commit=True, headers=None):
        await self.producer.begin_transaction()
        for offset in offsets:
            own = [("ce_id", b"x"), ("ce_sequence", sequence(offset, 1).encode())]
            await self.producer.send(
                self.topic, b"{}", partition=0, headers=own if headers is None else headers
            )
        await self.producer.flush()
        await (self.producer.commit_transaction() if commit else self.producer.abort_transaction())


async def test_nothing_was_ever_answered(results):
    await results.answer(3, commit=False)
    assert await results.log.last() is None


async def test_the_last_one_that_was_committed(results):
    await results.answer(3, 4)
    await results.answer(5, 6, commit=False)
    assert await results.log.last() == 4
    await results.answer(7)
    assert await results.log.last() == 7


async def test_far_before_the_end(results):
    await results.answer(3, 4)
    await results.answer(*range(5, 5 + MANY), commit=False)
    assert await results.log.last() == 4


async def test_what_is_still_open_does_not_count(results):
    await results.answer(3)
    await results.producer.begin_transaction()
    await results.producer.send_and_wait(
        results.topic, b"{}", partition=0, headers=[("ce_sequence", sequence(4, 0).encode())]
    )
    assert await results.log.last() == 3
    await results.producer.commit_transaction()
    assert await results.log.last() == 4


@pytest.mark.parametrize("headers", [[], [("ce_sequence", b"")], [("ce_sequence", b"x.1")]], ids=repr)
async def test_an_answer_of_somebody_else_says_nothing(results, headers):
    await results.answer(3, headers=headers)
    assert await results.log.last() is None


async def test_an_answer_that_was_deleted_says_nothing(results, admin):
    await results.answer(3)
    await admin.delete_records({TopicPartition(results.topic, 0): RecordsToDelete(1)})
    assert await results.log.last() is None


async def test_no_broker():
    settings = load_settings(kafka_bootstrap_servers="127.0.0.1:9")
    with pytest.raises(BrokerUnavailable, match="results/0 cannot be read"):
        await ResultLog(lambda: make_feed(settings), "results", 0).last()

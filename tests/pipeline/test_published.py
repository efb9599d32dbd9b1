"""What C can be, by the outbox and the last answer; and that answer, as real brokers keep it."""

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

from consumer.bootstrap import make_feed
from consumer.errors import BrokerUnavailable
from consumer.pipeline.published import ResultLog, chain_to, published
from consumer.settings import load_settings
from consumer.storage.protocols import OutboxSlot, Position, base_of
from producers.recordbatches import BatchWriter, Output, pack
from schemas.cloudevents import sequence
from schemas.topics import COMMAND_RESULTS, DEAD_LETTERS
from tests.pipeline.world import ORIGIN, PLACE

MANY = 700
"""Beyond the first look back from the end, and the second."""


def answer(offset, generation=1):
    """The headers of the answer to a command."""
    return (("ce_id", b"of %d" % offset), ("ce_sequence", sequence(base_of(generation) + offset, 1).encode()))


def slot(first, following, *answers, generation=1, answered_in=1):
    """The outputs of a batch: an answer to each of these offsets, or a dead letter."""
    writer = BatchWriter("gzip")
    for offset in answers:
        headers = list(answer(offset, answered_in))
        writer.add(Output(f"prefix.{COMMAND_RESULTS}", 0, b"a", b"{}", headers, 0))
    writer.add(Output(f"prefix.{DEAD_LETTERS}", 0, b"a", b"{}", [], 0))
    return OutboxSlot(first, generation, first, following, pack(writer.finish()))


def at(offset, generation=1):
    return Position(PLACE, ORIGIN, next=offset, generation=generation)


LAST_BEFORE, LAST_OF_FIRST, LAST_OF_SECOND = answer(9), answer(12), answer(17)
BATCHES = [slot(10, 14, 11, 12), slot(14, 19, 14, 17)]


@pytest.mark.parametrize("told", [10, 14, 19])
@pytest.mark.parametrize(
    ("last", "published_to"), [(LAST_BEFORE, 10), (LAST_OF_FIRST, 14), (LAST_OF_SECOND, 19)], ids=repr
)
def test_the_last_answer_tells_which_batches_are_published(last, published_to, told):
    assert published(at(19), BATCHES, last, told) == published_to


@pytest.mark.parametrize("told", [10, 14, 19])
@pytest.mark.parametrize(
    "last",
    [None, answer(11), answer(15), answer(30), answer(9, 2), (("ce_sequence", b"x"),), (("a", None),)],
    ids=["none", "half a batch", "half the last", "a later one", "another life's", "not ours", "no sequence"],
)
def test_what_does_not_fit_says_nothing(last, told):
    expected = {answer(11): min(told, 14), answer(15): told}.get(last, told)
    assert published(at(19), BATCHES, last, told) == expected


@pytest.mark.parametrize("told", [3, 12, 20, 99])
@pytest.mark.parametrize("last", [LAST_BEFORE, LAST_OF_FIRST, LAST_OF_SECOND], ids=repr)
def test_an_offset_that_is_none_of_the_outbox_is_not_corrected(last, told):
    assert published(at(19), BATCHES, last, told) == told


@pytest.mark.parametrize(
    ("slots", "last", "told", "expected"),
    [
        ([], LAST_BEFORE, 19, 19),
        ([slot(10, 14, 11), slot(15, 19, 17)], LAST_BEFORE, 10, 10),
        ([slot(10, 14, 11), slot(15, 19, 17)], LAST_BEFORE, 19, 15),
        ([slot(10, 14, 11), slot(14, 19)], answer(11), 19, 19),
        ([slot(10, 14, 11), slot(14, 19)], answer(11), 10, 14),
        ([slot(10, 14), slot(14, 19, 17)], LAST_BEFORE, 19, 14),
        ([slot(10, 14), slot(14, 19, 17)], LAST_BEFORE, 14, 14),
    ],
)
def test_what_the_outbox_lacks_is_as_it_is_told(slots, last, told, expected):
    assert published(at(19), chain_to(at(19), slots), last, told) == expected


def test_batches_that_were_taken_over_into_a_new_generation_are_known_by_their_answers():
    taken_over = [slot(10, 14, 12, generation=2), slot(14, 19, 17, generation=2)]
    position = at(19, generation=2)
    chain = chain_to(position, taken_over)
    assert published(position, chain, LAST_OF_FIRST, 19) == 14
    assert published(position, chain, LAST_OF_SECOND, 14) == 19


def test_where_nothing_was_ever_answered_nothing_is_published():
    assert published(at(19), BATCHES, (), 19) == 10


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
            own = list(answer(offset))
            await self.producer.send(
                self.topic, b"{}", partition=0, headers=own if headers is None else headers
            )
        await self.producer.flush()
        await (self.producer.commit_transaction() if commit else self.producer.abort_transaction())


async def test_nothing_was_ever_answered(results):
    assert await results.log.last() is None
    await results.answer(3, commit=False)
    assert await results.log.last() == ()


async def test_the_last_one_that_was_committed(results):
    await results.answer(3, 4)
    await results.answer(5, 6, commit=False)
    assert await results.log.last() == answer(4)
    await results.answer(7)
    assert await results.log.last() == answer(7)


async def test_far_before_the_end(results):
    await results.answer(3, 4)
    await results.answer(*range(5, 5 + MANY), commit=False)
    assert await results.log.last() == answer(4)


async def test_behind_an_open_transaction_nothing_is_concluded(results):
    await results.answer(3)
    await results.producer.begin_transaction()
    await results.producer.send_and_wait(results.topic, b"{}", partition=0, headers=list(answer(4)))
    with pytest.raises(BrokerUnavailable, match="hides the end"):
        await results.log.last()
    await results.producer.commit_transaction()
    assert await results.log.last() == answer(4)


async def test_a_header_name_that_cannot_be_read_says_nothing(results, monkeypatch):
    async def cannot_parse(*_, **__):
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")

    await results.answer(3)
    monkeypatch.setattr(AIOKafkaConsumer, "getmany", cannot_parse)
    assert await results.log.last() is None


async def test_an_answer_that_was_deleted_says_nothing(results, admin):
    await results.answer(3)
    await admin.delete_records({TopicPartition(results.topic, 0): RecordsToDelete(1)})
    assert await results.log.last() is None


async def test_no_broker():
    settings = load_settings(kafka_bootstrap_servers="127.0.0.1:9")
    with pytest.raises(BrokerUnavailable, match="results/0 cannot be read"):
        await ResultLog(lambda: make_feed(settings), "results", 0).last()

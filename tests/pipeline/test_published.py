"""The last answer in the log of results, as real brokers keep it."""

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

from consumer.bootstrap import make_feed
from consumer.errors import BrokerUnavailable
from consumer.pipeline.published import ResultLog
from consumer.settings import load_settings
from schemas.cloudevents import sequence

MANY = 700
"""Beyond the first look back from the end, and the second."""


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

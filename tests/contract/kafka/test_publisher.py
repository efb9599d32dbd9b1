"""The worker's producer on real brokers: all or nothing, and nothing after it was fenced."""

import asyncio

import pytest

from consumer.errors import BrokerDenied, BrokerUnavailable, PublisherFenced, PublishInDoubt, PublishRefused
from consumer.kafka import patience
from consumer.kafka.publisher import Publisher
from tests.contract.kafka.clients import Clients, batches, pause
from tests.servers import create_topic

PER_TRANSACTION = {"AddPartitionsToTxn": 1, "Produce": 1, "EndTxn": 1}


@pytest.fixture
def clients(kafka):
    return Clients(kafka.bootstrap)


@pytest.fixture
def topic(kafka, topic_prefix):
    return create_topic(kafka.bootstrap, f"{topic_prefix}outputs", 3)


async def test_what_is_published_stands_where_the_publisher_says(clients, topic):
    async with clients.publisher(topic) as one:
        assert await one.publish(batches(topic, (0, "a"), (2, "b"), (1, "c"))) == [0, 0, 0]
        # Behind each stands the marker of its transaction.
        assert await one.publish(batches(topic, (2, "d"), (0, "e"))) == [2, 2]
        assert await one.publish([]) == []
    assert await clients.read(topic, (0, 1, 2)) == [
        (0, 0, "a"), (0, 2, "e"), (1, 0, "c"), (2, 0, "b"), (2, 2, "d")
    ]  # fmt: skip


async def test_batches_of_one_partition_keep_their_order(clients, topic):
    async with clients.publisher(topic) as one:
        sent = batches(topic, (0, "a"), (1, "x"), (0, "b"), (0, "c"), (1, "y"))
        assert await one.publish(sent) == [0, 0, 1, 2, 1]
    assert [value for _, _, value in await clients.read(topic, (0, 1))] == ["a", "b", "c", "x", "y"]


async def test_a_transaction_over_150_partitions_takes_three_requests(clients, kafka, topic_prefix):
    topics = [create_topic(kafka.bootstrap, f"{topic_prefix}{name}", 50) for name in "abc"]
    sent = [batch for name in topics for batch in batches(name, *((n, "v") for n in range(50)))]
    async with clients.publisher(topic_prefix) as one:
        await _settled(clients, one, sent)
        clients.sent.clear()
        await one.publish(sent)
    assert clients.sent == PER_TRANSACTION


async def _settled(clients, publisher, sent):
    """Until the broker knows all leaders, and has ended the transaction before."""
    async with asyncio.timeout(30):
        while True:
            clients.sent.clear()
            await publisher.publish(sent)
            await asyncio.sleep(0.3)
            if clients.sent == PER_TRANSACTION:
                return


async def test_a_batch_that_is_refused_takes_the_others_with_it(clients, kafka, topic, topic_prefix):
    small = create_topic(kafka.bootstrap, f"{topic_prefix}small", 1, **{"max.message.bytes": "500"})
    async with clients.publisher(topic) as one:
        large = batches(small, (0, "x" * 1000))
        with pytest.raises(PublishRefused) as refused:
            await one.publish([*batches(topic, (0, "a")), *large])
        assert str(refused.value) == (
            f"Kafka refuses a record batch of {len(large[0].body)} bytes for {small}/0: "
            "raise max.message.bytes of the topic (MessageSizeTooLargeError)"
        )
        assert list(refused.value.targets) == [(small, 0)]
        with pytest.raises(PublishInDoubt, match="not started"):
            await one.publish(batches(topic, (0, "b")))
        await one.start()
        await one.publish(batches(topic, (0, "c")))
    assert [value for _, _, value in await clients.read(topic)] == ["c"]


async def test_a_record_that_the_topic_does_not_take_is_refused(clients, kafka, topic_prefix):
    compacted = create_topic(kafka.bootstrap, f"{topic_prefix}compacted", 1, **{"cleanup.policy": "compact"})
    async with clients.publisher(topic_prefix) as one:
        with pytest.raises(PublishRefused, match=f"{compacted}/0: `contracts doctor`.*InvalidRecord"):
            await one.publish(batches(compacted, (0, "without a key")))
    assert await clients.read(compacted) == []


async def test_it_publishes_nothing_before_it_is_started(clients, topic):
    one = Publisher(clients.make, topic, deadline=1)
    with pytest.raises(PublishInDoubt, match="not started"):
        await one.publish(batches(topic, (0, "a")))
    with pytest.raises(PublishInDoubt, match="not started"):
        await one.fence({"other"})
    assert not clients.sent


async def test_starting_ends_the_epoch_before(clients, topic):
    async with clients.publisher(topic) as earlier, clients.publisher(topic) as later:
        await later.publish(batches(topic, (0, "later")))
        with pytest.raises(PublisherFenced):
            await earlier.publish(batches(topic, (0, "earlier")))
    assert [value for _, _, value in await clients.read(topic)] == ["later"]


@pytest.mark.parametrize("step", ["produce", "_commit"])
async def test_a_paused_worker_that_was_fenced_publishes_nothing(clients, topic, step):
    """What it had open is settled when fence returns: nobody waits for its timeout."""
    async with clients.publisher(f"{topic}-zombie") as zombie, clients.publisher(topic) as successor:

        async def fenced():
            await successor.fence({f"{topic}-zombie"})
            await successor.publish(batches(topic, (0, "successor")))
            values = [value for _, _, value in await clients.read(topic)]
            assert values == ["successor"], "an open transaction hides it"

        pause(zombie, step, fenced)
        with pytest.raises(PublisherFenced):
            await zombie.publish(batches(topic, (0, "zombie")))
    assert [value for _, _, value in await clients.read(topic)] == ["successor"]


async def test_many_are_fenced_side_by_side(clients, topic):
    names = [f"{topic}-{number}" for number in range(12)]
    rivals = [Publisher(clients.make, name, deadline=20) for name in names]
    await asyncio.gather(*(rival.start() for rival in rivals))
    async with clients.publisher(topic) as one:
        await one.fence(names)
        for rival in rivals:
            with pytest.raises(PublisherFenced):
                await rival.publish(batches(topic, (0, "late")))
        await one.publish(batches(topic, (0, "own")))
    assert [value for _, _, value in await clients.read(topic)] == ["own"]


async def test_a_patient_transaction_may_take_longer_from_the_next_start_on(clients, topic):
    async def slowly():
        await asyncio.sleep(2.5)

    async with clients.publisher(topic, deadline=2.0) as one:
        for value, patient, published in (("a", False, False), ("b", True, False), ("c", True, True)):
            pause(one, "_commit", slowly)
            publishing = one.publish(batches(topic, (0, value)), patient=patient)
            if published:
                await publishing
            else:
                with pytest.raises(PublishInDoubt):
                    await publishing
                if patient:
                    one.patience.grow()
                await one.start()
    assert [value for _, _, value in await clients.read(topic)] == ["c"]


async def test_what_is_longer_than_the_broker_allows_is_asked_for_once(clients, topic, monkeypatch):
    monkeypatch.setattr(patience, "LONGEST_SECONDS", 3_600.0)
    one = Publisher(clients.make, topic, deadline=700.0)
    try:
        for epochs in (2, 1):
            one.patience.grow()
            clients.sent.clear()
            await one.start()
            assert clients.sent["InitProducerId"] == epochs
        assert await one.publish(batches(topic, (0, "a")), patient=True) == [0]
    finally:
        await one.discard()


async def test_a_deadline_that_the_broker_does_not_allow_is_an_error(clients, topic):
    one = Publisher(clients.make, topic, deadline=3_600.0)
    with pytest.raises(BrokerDenied, match="InvalidTransactionTimeout"):
        await one.start()


async def test_a_cancelled_transaction_is_not_committed(clients, topic):
    async with clients.publisher(topic) as one:
        waiting = asyncio.Event()

        async def forever():
            waiting.set()
            await asyncio.Event().wait()

        pause(one, "_commit", forever)
        publishing = asyncio.create_task(one.publish(batches(topic, (0, "a"))))
        await waiting.wait()
        publishing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await publishing
        await one.start()
        await one.publish(batches(topic, (0, "b")))
    assert [value for _, _, value in await clients.read(topic)] == ["b"]


async def test_a_partition_that_is_not_there_is_told_at_the_deadline(clients, topic):
    async with clients.publisher(topic, deadline=1.5) as one:
        with pytest.raises(PublishInDoubt, match=r"TimeoutError.. after (UnknownTopic|LeaderNot)"):
            await one.publish(batches(topic, (0, "a"), (7, "b")))
    assert await clients.read(topic) == []


async def test_without_a_broker_it_does_not_start():
    one = Publisher(Clients("127.0.0.1:1").make, "id", deadline=2)
    with pytest.raises(BrokerUnavailable, match="does not let the publisher start"):
        await one.start()

"""Requests that must not be repeated, since a late one acts on the next transaction; and those that must."""

import asyncio

import pytest
from aiokafka.errors import (
    ConcurrentTransactions,
    KafkaConnectionError,
    NotEnoughReplicasError,
    NotLeaderForPartitionError,
    RequestTimedOutError,
)

from consumer.errors import PublishInDoubt
from consumer.kafka import produce, retries
from consumer.kafka.publisher import Publisher
from tests.contract.kafka.fake import SENT, FakeClient, started

LOST = [KafkaConnectionError(), RequestTimedOutError()]


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(retries, "_FIRST_PAUSE", 0)


@pytest.mark.parametrize("error", LOST, ids=repr)
async def test_a_transaction_is_ended_once(error):
    client = FakeClient(EndTxn=[error])
    publisher = await started(client)
    with pytest.raises(PublishInDoubt):
        await publisher.publish(SENT)
    assert client.names().count("EndTxn") == 1


async def test_a_coordinator_that_refuses_to_end_a_transaction_is_asked_again():
    client = FakeClient(EndTxn=[ConcurrentTransactions.errno])
    await (await started(client)).publish(SENT)
    assert client.names() == ["AddPartitionsToTxn", "Produce", "EndTxn", "EndTxn"]


@pytest.mark.parametrize("error", LOST, ids=repr)
@pytest.mark.parametrize("request_", ["AddPartitionsToTxn", "Produce"])
async def test_what_may_be_repeated_is_repeated(error, request_):
    client = FakeClient(**{request_: [error]})
    assert await (await started(client)).publish(SENT) == [0, 10]
    assert client.names().count(request_) == 2


@pytest.mark.parametrize("leader", [None, -1])
async def test_without_a_leader_no_transaction_is_opened(leader):
    client = FakeClient()
    publisher = await started(client, deadline=0.05)
    client.leaders = {1: leader}
    with pytest.raises(PublishInDoubt, match="LeaderNotAvailable"):
        await publisher.publish(SENT)
    assert client.names() == []


async def test_a_transaction_waits_for_a_new_leader():
    client = FakeClient()
    publisher = await started(client)
    client.leaders = {1: -1}
    refresh = client.force_metadata_update

    async def elected():
        await refresh()
        client.leaders = {1: 2} if client.refreshed > 1 else {1: -1}

    client.force_metadata_update = elected
    assert await publisher.publish(SENT) == [0, 10]
    assert client.names()[0] == "AddPartitionsToTxn"
    assert client.refreshed == 2


async def test_only_what_was_refused_is_sent_again_and_byte_for_byte():
    client = FakeClient(Produce=[NotEnoughReplicasError.errno])
    assert await (await started(client)).publish(SENT) == [0, 10]
    first, second = (request._topics for name, _, request in client.sent if name == "Produce")
    ((topic, parts),) = first
    assert second == [(topic, parts[1:])]
    assert client.refreshed == 0, "who leads was not in question"


async def test_a_partition_whose_leader_moved_goes_to_the_new_one():
    client = FakeClient(Produce=[NotLeaderForPartitionError.errno])
    publisher = await started(client)
    refresh = client.force_metadata_update

    async def moved():
        await refresh()
        client.leaders[1] = 2

    client.force_metadata_update = moved
    await publisher.publish(SENT)
    assert [node for name, node, _ in client.sent if name == "Produce"] == [1, 2]


async def test_each_leader_has_one_request():
    client = FakeClient()
    publisher = await started(client)
    client.leaders = {0: 1, 1: 2}
    await publisher.publish(SENT)
    assert client.names() == ["AddPartitionsToTxn", "Produce", "Produce", "EndTxn"]


async def test_a_request_is_never_larger_than_brokers_take(monkeypatch):
    monkeypatch.setattr(produce, "REQUEST_BYTES", len(SENT[0].body) + 1)
    client = FakeClient()
    assert await (await started(client)).publish(SENT) == [0, 10]
    assert client.names() == ["AddPartitionsToTxn", "Produce", "Produce", "EndTxn"]


async def test_a_sequence_goes_on_in_the_next_transaction_and_ends_with_the_epoch():
    client = FakeClient()
    publisher = await started(client)
    for _ in range(2):
        await publisher.publish(SENT)
    await publisher.start()
    await publisher.publish(SENT)
    bodies = [request._topics[0][1][0][1] for name, _, request in client.sent if name == "Produce"]
    assert [int.from_bytes(body[53:57], "big") for body in bodies] == [0, 1, 0]


async def test_an_epoch_is_begun_again_and_again_until_the_one_before_is_settled():
    client = FakeClient(InitProducerId=[ConcurrentTransactions.errno, KafkaConnectionError()])
    publisher = Publisher(lambda: client, "id", deadline=1)
    await publisher.start()
    assert client.names() == ["InitProducerId"] * 3


async def test_a_discarded_publisher_sends_nothing_that_was_waiting_for_its_connection():
    """Late, it would end up in a transaction that is settled already."""
    client = FakeClient()
    connected = asyncio.Event()

    async def ready(node, **group):
        await connected.wait()
        return True

    client.ready = ready
    publisher = Publisher(lambda: client, "id", deadline=1)
    await publisher.start()
    waiting = asyncio.create_task(client.ready(1))
    await asyncio.sleep(0)
    await publisher.discard()
    connected.set()
    assert not await waiting

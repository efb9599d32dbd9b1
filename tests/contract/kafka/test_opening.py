"""Transactions that begin before it is known what they publish."""

import asyncio

import pytest
from aiokafka.errors import InvalidProducerEpoch

from consumer.errors import PublisherFenced
from tests.contract.kafka.fake import SENT, FakeClient, started


@pytest.mark.parametrize(("ahead", "registered"), [([("t", 0), ("t", 1)], 1), ([("t", 0)], 2), ([], 1)])
async def test_what_was_registered_before_is_not_registered_again(ahead, registered):
    client = FakeClient()
    publisher = await started(client)
    for _ in range(2):
        publisher.open(ahead)
        assert await publisher.publish(SENT) == [0, 10]
    assert client.names() == [*["AddPartitionsToTxn"] * registered, "Produce", "EndTxn"] * 2


async def test_while_a_transaction_is_published_no_other_is_begun():
    """Its partitions could come into the one that is about to end, or open one that nobody ends."""
    client = FakeClient()
    publisher = await started(client)
    publishing = asyncio.create_task(publisher.publish(SENT))
    await asyncio.sleep(0)
    while not publishing.done():
        publisher.open([("t", 7)])
        await asyncio.sleep(0)
    assert await publishing == [0, 10]
    assert client.names() == ["AddPartitionsToTxn", "Produce", "EndTxn"]


async def test_a_transaction_that_cannot_be_begun_is_told_by_publishing():
    client = FakeClient(AddPartitionsToTxn=[InvalidProducerEpoch.errno])
    publisher = await started(client)
    publisher.open([("t", 0)])
    await asyncio.sleep(0)
    with pytest.raises(PublisherFenced):
        await publisher.publish(SENT)
    assert client.names() == ["AddPartitionsToTxn"]


async def test_a_discarded_publisher_begins_no_transaction():
    client = FakeClient()
    publisher = await started(client)
    client.leaders = {0: -1}
    publisher.open([("t", 0)])
    await asyncio.sleep(0)
    await publisher.discard()
    client.leaders = {}
    await asyncio.sleep(0.01)
    assert client.names() == []

"""The two promises the service is built on, on every kind of server."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import ProducerFenced
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from tests.servers import create_topic


async def read_committed(bootstrap: str, topic: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    async with consumer:
        consumer.assign([TopicPartition(topic, 0)])
        return [(await consumer.getone()).value for _ in range(count)]


async def test_committed_records_are_read_and_aborted_ones_are_not(kafka, topic_prefix):
    topic = create_topic(kafka.bootstrap, f"{topic_prefix}out")
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=topic) as producer:
        async with producer.transaction():
            await producer.send_and_wait(topic, b"kept")
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"dropped")
        await producer.abort_transaction()
        async with producer.transaction():
            await producer.send_and_wait(topic, b"last")
    assert await read_committed(kafka.bootstrap, topic, 2) == [b"kept", b"last"]


async def test_second_producer_of_an_id_fences_the_first(kafka, topic_prefix):
    topic = create_topic(kafka.bootstrap, f"{topic_prefix}out")
    first = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=topic)
    second = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=topic)
    async with first:
        await first.begin_transaction()
        await first.send_and_wait(topic, b"of the first")
        async with second:
            with pytest.raises(ProducerFenced):
                await first.commit_transaction()
            async with second.transaction():
                await second.send_and_wait(topic, b"of the second")
    assert await read_committed(kafka.bootstrap, topic, 1) == [b"of the second"]


async def test_offset_is_committed_with_the_transaction_only(kafka, topic_prefix):
    topic = create_topic(kafka.bootstrap, f"{topic_prefix}in")
    group, partition = f"{topic_prefix}group", TopicPartition(topic, 0)
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, group_id=group, enable_auto_commit=False)
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=topic)
    async with consumer, producer:
        consumer.assign([partition])
        await producer.begin_transaction()
        await producer.send_offsets_to_transaction({partition: OffsetAndMetadata(7, "")}, group)
        await producer.abort_transaction()
        assert await consumer.committed(partition) is None
        async with producer.transaction():
            await producer.send_offsets_to_transaction({partition: OffsetAndMetadata(9, "")}, group)
        # The broker answers the commit before its markers are written: the offset shows a moment later.
        async with asyncio.timeout(10):
            while await consumer.committed(partition) != 9:  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # no client call waits for it


async def test_transaction_over_two_collections_is_whole_or_not_at_all(database_server, database):
    async with AsyncMongoClient(database_server.uri) as client, client.start_session() as session:
        contracts, positions = client[database]["contracts"], client[database]["positions"]
        async with await session.start_transaction():
            await contracts.insert_one({"_id": "c1"}, session=session)
            await positions.insert_one({"_id": "p1"}, session=session)
        await session.start_transaction()
        await contracts.insert_one({"_id": "c2"}, session=session)
        await positions.delete_one({"_id": "p1"}, session=session)
        await session.abort_transaction()
        assert [document["_id"] async for document in contracts.find()] == ["c1"]
        assert [document["_id"] async for document in positions.find()] == ["p1"]


async def test_second_writer_of_a_document_meets_a_conflict(database_server, database):
    async with AsyncMongoClient(database_server.uri) as client:
        positions = client[database]["positions"]
        await positions.insert_one({"_id": "p1", "next": 0})
        async with client.start_session() as first, client.start_session() as second:
            await first.start_transaction()
            await second.start_transaction()
            await positions.update_one({"_id": "p1"}, {"$set": {"next": 1}}, session=first)
            with pytest.raises(OperationFailure) as raised:
                await positions.update_one({"_id": "p1"}, {"$set": {"next": 2}}, session=second)
            await first.commit_transaction()
        assert raised.value.code == 112
        assert raised.value.has_error_label("TransientTransactionError")
        assert (await positions.find_one())["next"] == 1

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition
from pymongo import AsyncMongoClient

from tests.servers import create_topic


async def test_committed_transaction_is_read_and_aborted_one_is_not(kafka, topic_prefix):
    topic = create_topic(kafka.bootstrap, f"{topic_prefix}out")
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=f"{topic_prefix}p")
    async with producer:
        async with producer.transaction():
            await producer.send_and_wait(topic, b"kept")
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"dropped")
        await producer.abort_transaction()
        async with producer.transaction():
            await producer.send_and_wait(topic, b"last")

    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    async with consumer:
        consumer.assign([TopicPartition(topic, 0)])
        values = [(await consumer.getone()).value, (await consumer.getone()).value]
    assert values == [b"kept", b"last"]


async def test_transaction_over_two_documents_is_whole_or_not_at_all(mongo, database):
    async with AsyncMongoClient(mongo.uri) as client:
        contracts, positions = client[database]["contracts"], client[database]["positions"]
        async with client.start_session() as session:
            async with await session.start_transaction():
                await contracts.insert_one({"_id": "c1"}, session=session)
                await positions.insert_one({"_id": "p1"}, session=session)
            await session.start_transaction()
            await contracts.insert_one({"_id": "c2"}, session=session)
            await positions.delete_one({"_id": "p1"}, session=session)
            await session.abort_transaction()
        assert [d["_id"] async for d in contracts.find()] == ["c1"]
        assert [d["_id"] async for d in positions.find()] == ["p1"]


async def test_real_broker_comes_back_after_a_kill(apache_kafka, topic_prefix):
    topic = create_topic(apache_kafka.bootstrap, f"{topic_prefix}kept", partitions=2)
    apache_kafka.kill()
    apache_kafka.start()
    async with AIOKafkaProducer(bootstrap_servers=apache_kafka.bootstrap) as producer:
        assert await producer.partitions_for(topic) == {0, 1}

"""A topic, whoever writes there, and readers of it."""

import asyncio
from contextlib import asynccontextmanager
from functools import partial

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from consumer.kafka.cluster import make_client
from consumer.kafka.fetcher import Fetcher
from consumer.settings import load_settings
from tests.servers import create_topic

WAIT_MS = 200
DEADLINE = 30


class Scene:
    """A topic of a few partitions, whoever writes there, and readers of it."""

    def __init__(self, kafka, topic, partitions=1):
        self.kafka = kafka
        self.settings = load_settings(kafka_bootstrap_servers=kafka.bootstrap)
        self.topic = create_topic(kafka.bootstrap, topic, partitions)
        self.readers = []

    async def close(self):
        for reader in self.readers:
            await reader.stop()

    async def reader(self, *, topic=None, max_bytes=1 << 20, committed=True):
        client = partial(make_client, self.settings)
        reader = Fetcher(client, topic or self.topic, max_bytes=max_bytes, committed=committed)
        self.readers.append(reader)
        await reader.start()
        return reader

    @asynccontextmanager
    async def producer(self, transactional_id=None):
        address = self.kafka.bootstrap
        async with AIOKafkaProducer(bootstrap_servers=address, transactional_id=transactional_id) as producer:
            yield producer

    async def send(self, *values, partition=0, headers=None):
        async with self.producer() as producer:
            for value in values:
                await producer.send_and_wait(self.topic, value, partition=partition, headers=headers or [])

    @asynccontextmanager
    async def admin(self):
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka.bootstrap)
        await admin.start()
        try:
            yield admin
        finally:
            await admin.close()


async def fetched(reader, positions):
    """The first answer that brings something."""
    async with asyncio.timeout(DEADLINE):
        while not (found := await some(reader, positions)):
            pass
    return found


async def some(reader, positions):
    """An answer without the partitions in which nothing is."""
    found = await reader.fetch(positions, timeout_ms=WAIT_MS)
    return {n: one for n, one in found.items() if isinstance(one, Exception) or one.next > one.first}


async def read(reader, at=0, up_to=None, partition=0):
    """All values of one partition up to an offset."""
    values = []
    async with asyncio.timeout(DEADLINE):
        while at < up_to:
            one = (await fetched(reader, {partition: at}))[partition]
            if isinstance(one, Exception):
                raise one
            assert one.first == at
            values += [record.value for record in one.records]
            at = one.next
    return values


async def settled(reader):
    """The end of the log, once all transactions have their markers."""
    async with asyncio.timeout(DEADLINE):
        while True:
            _, stable, end = (await reader.bounds([0]))[0]
            if stable == end:
                return end

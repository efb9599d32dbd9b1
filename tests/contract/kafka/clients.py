"""Clients of the tests' brokers, and what they sent."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.client import AIOKafkaClient

from consumer.kafka.fetcher import Bounds, Fetcher
from consumer.kafka.publisher import Publisher
from consumer.kafka.recordbatches import BatchWriter, Output, RecordBatch

DEADLINE = 20.0
MARKER_SECONDS = 2.0


def batches(topic: str, *records: tuple[int, str]) -> list[RecordBatch]:
    """Partition and value of each record -> a batch for each record."""
    written = []
    for partition, value in records:
        writer = BatchWriter("none")
        writer.add(Output(topic, partition, None, value.encode(), [], 1_000))
        written += writer.finish()
    return written


class Clients:
    """Makes clients of one broker, and counts the requests that they send together."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.sent: Counter[str] = Counter()

    def make(self) -> AIOKafkaClient:
        client = AIOKafkaClient(bootstrap_servers=self.bootstrap)
        send = client.send

        async def counting(node: int, request: Any, **group: Any) -> Any:
            self.sent[type(request).__name__.removesuffix("Request")] += 1
            return await send(node, request, **group)

        client.send = counting
        return client

    @asynccontextmanager
    async def publisher(self, transactional_id: str, deadline: float = DEADLINE) -> AsyncIterator[Publisher]:
        """A started one."""
        publisher = Publisher(self.make, transactional_id, deadline=deadline)
        try:
            await publisher.start()
            yield publisher
        finally:
            await publisher.discard()

    async def read(
        self, topic: str, partitions: Collection[int] = (0,), *, committed: bool = True
    ) -> list[tuple[int, int, str]]:
        """Partition, offset and value of what can be read now."""
        fetcher = Fetcher(self.make, topic, max_bytes=1 << 20, committed=committed)
        await fetcher.start()
        try:
            bounds = await _settled(fetcher, partitions) if committed else await fetcher.bounds(partitions)
            ends = {n: bound.stable if committed else bound.end for n, bound in bounds.items()}
            at, found = {n: bound.start for n, bound in bounds.items()}, []
            while at := {n: offset for n, offset in at.items() if offset < ends[n]}:
                for number, fetched in (await fetcher.fetch(at, timeout_ms=100)).items():
                    found += [(number, each.offset, each.value.decode()) for each in fetched.records]
                    at[number] = fetched.next
            return sorted(found)
        finally:
            await fetcher.stop()


async def _settled(fetcher: Fetcher, partitions: Collection[int]) -> dict[int, Bounds]:
    """A broker answers the end of a transaction before each partition has its marker."""
    deadline = asyncio.get_running_loop().time() + MARKER_SECONDS
    while True:
        bounds = await fetcher.bounds(partitions)
        if all(bound.stable == bound.end for bound in bounds.values()):
            return bounds
        if asyncio.get_running_loop().time() > deadline:
            return bounds  # a transaction is open
        await asyncio.sleep(0.02)


def pause(publisher: Publisher, step: str, meanwhile: Callable[[], Any]) -> None:
    """Lets `meanwhile` happen before a step of its next transaction."""
    transactions = publisher._transactions
    owner, name = (transactions._produce, "send") if step == "produce" else (transactions, step)
    real = getattr(owner, name)

    async def late(*arguments: Sequence[Any]) -> Any:
        await meanwhile()
        return await real(*arguments)

    setattr(owner, name, late)

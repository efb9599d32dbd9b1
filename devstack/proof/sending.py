"""Producing records: with librdkafka under both of its partitioners, and raw ones that it would not write."""

import asyncio
import time
from collections.abc import Iterable
from typing import Any
from zlib import crc32

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.record._crecords import cutil
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from confluent_kafka import KafkaError as DeliveryError
from confluent_kafka import Producer

from devstack.proof.message import Message

_PLACEHOLDER = "a-header-name-that-is-not-utf8"
_NOT_UTF8 = b"\xff\xfe" + _PLACEHOLDER.encode()[2:]
_CRC_AT, _CRC_FROM = 17, 21
FLUSH_SECONDS = 120
RETRY_SECONDS = 0.2


class Sender:
    """Two producers with the home's partitioner, one with librdkafka's own, and one for raw records."""

    def __init__(self, bootstrap: str, topic: str, partitions: int) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._partitions = partitions
        common = {
            "bootstrap.servers": bootstrap,
            "log_level": 0,
            "message.max.bytes": 1_040_000,
            "reconnect.backoff.max.ms": 200,
        }
        home = {**common, "partitioner": "murmur2_random"}
        self._producers = {
            "murmur2": [
                Producer({**home, "linger.ms": 20, "compression.type": "lz4"}),
                Producer({**home, "linger.ms": 1}),  # not idempotent: a killed broker would end it for good
            ],
            "crc32": [Producer({**common, "linger.ms": 5, "partitioner": "consistent_random"})],
        }
        self._errors: list[DeliveryError] = []
        self.sent = 0

    def send(self, messages: Iterable[Message]) -> None:
        """Hands them to the producers; they are in the log after `flush`."""
        for message in messages:
            self.sent += 1
            if message.via == "unreadable":
                self.send_raw(self.sent % self._partitions, [message])
            else:
                self._produce(message)

    def _produce(self, message: Message) -> None:
        producers = self._producers[message.via]
        producer = producers[crc32(message.key or b"") % len(producers)]
        partition: dict[str, Any] = {} if message.partition is None else {"partition": message.partition}
        headers: Any = message.headers
        while True:
            try:
                producer.produce(
                    self._topic,
                    key=message.key,
                    value=message.value,
                    headers=headers,
                    on_delivery=self._delivered,
                    **partition,
                )
            except BufferError:
                producer.poll(0.1)
            else:
                producer.poll(0)
                return

    def _delivered(self, error: DeliveryError | None, _: object) -> None:
        if error is not None:
            self._errors.append(error)

    def flush(self) -> None:
        """Until the broker has everything."""
        for producer in (each for group in self._producers.values() for each in group):
            left = producer.flush(FLUSH_SECONDS)
            assert not left, f"{left} records were not delivered in {FLUSH_SECONDS} s"
        assert not self._errors, self._errors[0]

    def send_raw(self, partition: int, messages: list[Message]) -> None:
        """One batch; those via "unreadable" get a header whose name is not UTF-8."""
        deadline = time.monotonic() + FLUSH_SECONDS
        while True:
            try:
                return asyncio.run(self._send_raw(partition, messages))
            except KafkaError:  # tried again, as librdkafka does
                if time.monotonic() > deadline:
                    raise
                time.sleep(RETRY_SECONDS)

    async def _send_raw(self, partition: int, messages: list[Message]) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap)
        try:
            await producer.start()
            await (await producer.send_batch(_RawBatch(messages), self._topic, partition=partition))
        finally:
            await producer.stop()


class _RawBatch:
    """A record batch instead of aiokafka's BatchBuilder, patched where no client would write it."""

    def __init__(self, messages: list[Message]) -> None:
        builder: Any = DefaultRecordBatchBuilder(
            2, 0, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1, batch_size=1 << 20
        )
        for number, message in enumerate(messages):
            mark = [(_PLACEHOLDER, b"x")] if message.via == "unreadable" else []
            builder.append(number, None, message.key, message.value, [*message.headers, *mark])
        buffer = bytearray(bytes(builder.build()).replace(_PLACEHOLDER.encode(), _NOT_UTF8))
        checksum = cutil.crc32c_cython(memoryview(buffer)[_CRC_FROM:])
        buffer[_CRC_AT:_CRC_FROM] = checksum.to_bytes(4, "big")
        self._buffer = buffer
        self._records = len(messages)

    def _build(self) -> bytearray:
        return self._buffer

    def record_count(self) -> int:
        return self._records

    def closed(self) -> bool:
        return True

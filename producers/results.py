"""Results of commands, as their senders wait for them."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import orjson
from aiokafka import TopicPartition

from consumer.errors import BrokerUnavailable, CommandRejected, ResultTimeout, TopicsMissing
from consumer.kafka.connection import SAFE_AGAIN, broker_error, kafka_errors, partitions_of, stop_consumer
from schemas.topics import output_partition

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiokafka import AIOKafkaConsumer

    from consumer.errors import ContractsError
    from schemas.events import OutcomeName

IDLE_SECONDS: Final = 5.0
"""How long a partition is read on after the last waiter left: the next one need not look for its end."""

_POLL_MS: Final = 500


class CommandKey(NamedTuple):
    """What names a command."""

    account_id: str
    source: str
    command_id: str


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What became of a command. `errors` are (JSON Pointer, what is wrong there)."""

    account_id: str
    source: str
    command_id: str
    outcome: OutcomeName
    code: str | None
    message: str | None
    errors: tuple[tuple[str, str], ...]
    contract_id: str | None
    version: int | None
    processed_at: datetime

    @classmethod
    def from_data(cls, account_id: str, data: dict[str, Any]) -> Self:
        """Reads the data of a `command_result` event."""
        return cls(
            account_id=account_id,
            source=data["command"]["source"],
            command_id=data["command"]["id"],
            outcome=data["outcome"],
            code=data.get("code"),
            message=data.get("message"),
            errors=tuple((each["path"], each["message"]) for each in data.get("errors", ())),
            contract_id=data.get("contract_id"),
            version=data.get("version"),
            processed_at=datetime.fromisoformat(data["processed_at"]),
        )

    def as_data(self) -> dict[str, Any]:
        """Its fields as JSON has them; what is not known is left out."""
        known = {
            "outcome": self.outcome,
            "code": self.code,
            "message": self.message,
            "errors": [{"path": path, "message": message} for path, message in self.errors],
            "contract_id": self.contract_id,
            "version": self.version,
            "processed_at": self.processed_at,
        }
        return {name: value for name, value in known.items() if value not in (None, [])}

    def raise_if_rejected(self) -> Self:
        """The result itself, unless the command was refused: now, or when it was first seen.

        Raises:
            CommandRejected: with the code and the errors.
        """
        if self.code is not None:
            raise CommandRejected(self.code, self.message or "", errors=self.errors)
        return self


@dataclass(frozen=True, slots=True, eq=False)
class Waiter:
    """Somebody waits for `result`. The future may raise BrokerUnavailable, and ResultTimeout after a stop."""

    key: CommandKey
    partition: int
    result: asyncio.Future[CommandResult]


class ResultListener:
    """Reads the results topic while somebody waits for a result, and only the partitions concerned.

    Nothing is stored: a consumer without a group stands at the end of a partition before the command
    is published, so that the result cannot be missed, and an idle listener reads nothing.

    Args:
        make_consumer: makes an unstarted consumer without a group, reading committed records.
        topic: of the results, with its prefix.
        address: of the broker, for messages.
    """

    def __init__(self, make_consumer: Callable[[], AIOKafkaConsumer], topic: str, address: str) -> None:
        self._make_consumer = make_consumer
        self._topic = topic
        self._address = address
        self._consumer: AIOKafkaConsumer | None = None
        self._reader: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._last_used: dict[int, float] = {}
        self._waiting: dict[bytes, list[Waiter]] = {}
        self._waiters_of: Counter[int] = Counter()

    async def expect(self, key: CommandKey, home: int) -> Waiter:
        """Call this, then publish the command, await the waiter's result, and `forget` the waiter.

        Args:
            key: names the command.
            home: its partition of the command topic; where its result appears follows from it.

        Raises:
            BrokerUnavailable, TopicsMissing: the results cannot be read.
        """
        partition = await self._listen(home)
        waiter = Waiter(key, partition, asyncio.get_running_loop().create_future())
        self._waiting.setdefault(key.command_id.encode(), []).append(waiter)
        self._waiters_of[partition] += 1
        return waiter

    def forget(self, waiter: Waiter) -> None:
        """Nobody waits for this one any more."""
        name = waiter.key.command_id.encode()
        self._waiting[name].remove(waiter)
        if not self._waiting[name]:
            del self._waiting[name]
        self._waiters_of[waiter.partition] -= 1
        if waiter.partition in self._last_used:
            self._last_used[waiter.partition] = monotonic()

    async def stop(self) -> None:
        """Lets the consumer go, and those who still wait."""
        for waiter in self._pending():
            what = f"the result of command {waiter.key.command_id} is not waited for any more"
            _end(waiter, ResultTimeout(what, hint=SAFE_AGAIN))
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.cancel()
            await asyncio.wait({reader})
        consumer, self._consumer = self._consumer, None
        self._last_used.clear()
        if consumer is not None:
            await stop_consumer(consumer)

    async def _listen(self, home: int) -> int:
        """The partition in which the results of the commands in `home` appear; it is read from its end on."""
        async with self._starting:
            with kafka_errors(self._address):
                consumer, partitions = await self._ready()
            partition = output_partition(home, partitions)
            if partition not in self._last_used:
                await self._open(consumer, partition)
            self._last_used[partition] = monotonic()
            if self._reader is None or self._reader.done():
                self._reader = asyncio.create_task(self._read(), name="command-results")
            return partition

    async def _ready(self) -> tuple[AIOKafkaConsumer, int]:
        """A consumer that has all partitions, and how many there are."""
        if self._consumer is not None:
            assigned = self._consumer.assignment()
            known = self._consumer.partitions_for_topic(self._topic) or assigned
            if assigned and len(known) == len(assigned):
                return self._consumer, len(assigned)
            await self.stop()  # after a failure, or because the topic has grown
        self._consumer = consumer = self._make_consumer()
        await consumer.start()
        targets = [TopicPartition(self._topic, n) for n in await partitions_of(consumer, self._topic)]
        if not targets:
            raise TopicsMissing([self._topic])
        consumer.assign(targets)
        consumer.pause(*targets)
        return consumer, len(targets)

    async def _open(self, consumer: AIOKafkaConsumer, partition: int) -> None:
        """Stands at the end of the partition, and reads on from there."""
        target = TopicPartition(self._topic, partition)
        with kafka_errors(self._address):
            found = await consumer.seek_to_end(target)
        if not found:
            raise BrokerUnavailable(f"Kafka at {self._address} does not say where {target} ends")
        consumer.resume(target)

    async def _read(self) -> None:
        """Delivers results until no partition is of interest any more."""
        try:
            while self._last_used and self._consumer is not None:
                batches = await self._consumer.getmany(timeout_ms=_POLL_MS)
                for records in batches.values():
                    for record in records:
                        self._deliver(record)
                self._close_idle(self._consumer)
        except Exception as error:  # noqa: BLE001 - whatever it was, those who wait must be told
            self._fail(error)

    def _deliver(self, record: Any) -> None:
        command_id = next((content for name, content in record.headers if name == "ce_causationid"), None)
        waiters = self._waiting.get(command_id or b"")
        if not waiters:
            return
        result = CommandResult.from_data(record.key.decode(), orjson.loads(record.value))
        key = CommandKey(result.account_id, result.source, result.command_id)
        for waiter in waiters:
            if waiter.key == key and not waiter.result.done():
                waiter.result.set_result(result)

    def _close_idle(self, consumer: AIOKafkaConsumer) -> None:
        idle_since = monotonic() - IDLE_SECONDS
        for partition, used in list(self._last_used.items()):
            if used < idle_since and not self._waiters_of[partition]:
                consumer.pause(TopicPartition(self._topic, partition))
                del self._last_used[partition]

    def _fail(self, error: Exception) -> None:
        """Fails all waiting calls. The next call starts a new consumer at the end of the topic."""
        self._last_used.clear()
        if self._consumer is not None:
            self._consumer.unsubscribe()
        for waiter in self._pending():
            _end(waiter, broker_error("the results cannot be read", error))

    def _pending(self) -> list[Waiter]:
        return [each for waiters in self._waiting.values() for each in waiters if not each.result.done()]


def _end(waiter: Waiter, error: ContractsError) -> None:
    waiter.result.set_exception(error)
    waiter.result.exception()  # whoever waited may be gone: then this is no unhandled error

"""A handler that may fail: bounded retries, a parking topic, and the order of each account.

    python parking.py           handles contracts.changed; what fails again and again is parked
    python parking.py retry     handles what is parked, in order; the first that still fails ends it
    python parking.py drop ID   the same, and gives up the parked event of this id

The parking topic is made with as many partitions as contracts.changed, and keeps everything:
cleanup.policy=delete, retention.ms=-1.
"""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError

Handler = Callable[[Any], Awaitable[None]]
log = logging.getLogger("parking")

SERVERS = os.environ.get("CONTRACTS_KAFKA_BOOTSTRAP_SERVERS", "localhost:9092")
TOPIC = os.environ.get("CONTRACTS_TOPIC_PREFIX", "") + "contracts.changed"
GROUP = os.environ.get("FOLLOWER_GROUP", "parking-example")
PARKED = f"{GROUP}.parked"
"""Name of the parking topic, and of the group that works on it."""

WAITS_SECONDS = (0.1, 0.5, 2.0)
"""Before each retry. Their sum and the handler's own time stay below max_poll_interval_ms, 5 minutes."""


class Away(Exception):
    """What the handler needs does not answer. No event's fault: it is tried until it works."""


async def handle(record: Any) -> None:
    """Your work, idempotent by `ce_id`. It raises `Away`, or anything else for an event that it cannot do."""
    print(record.key.decode(), header(record, "ce_id"), flush=True)


async def tried(handler: Handler, record: Any) -> Exception | None:
    """Handle a record; the error of the last try, if all failed."""
    waits = list(WAITS_SECONDS)
    while True:
        try:
            return await handler(record)
        except Away as error:
            log.warning("away: %s", error)
            await asyncio.sleep(WAITS_SECONDS[-1])
        except Exception as error:  # noqa: BLE001 - whatever it is, the event is parked with it
            if not waits:
                return error
            await asyncio.sleep(waits.pop(0))


class Parking(ConsumerRebalanceListener):
    """The parking topic: which accounts have events in it that were not handled yet."""

    def __init__(self) -> None:
        self._producer = AIOKafkaProducer(bootstrap_servers=SERVERS, acks="all", enable_idempotence=True)
        self._reader = AIOKafkaConsumer(**settings(PARKED))
        self._last: dict[int, dict[bytes, int]] = {}
        """For each partition that was read, the last parked offset of each account."""

    async def __aenter__(self) -> Self:
        await self._producer.start()
        await self._reader.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()
        await self._reader.stop()

    async def on_partitions_revoked(self, _: list[TopicPartition]) -> None:
        """Forget: until a partition comes back, others may park in it."""
        self._last = {}

    async def on_partitions_assigned(self, _: list[TopicPartition]) -> None:
        """Nothing to do: aiokafka hands out records before this has ended, so `holds` reads when it must."""

    async def _read(self, place: TopicPartition) -> dict[bytes, int]:
        self._reader.assign([place])
        end = (await self._reader.end_offsets([place]))[place]
        self._reader.seek(place, await self._handled(place))
        last: dict[bytes, int] = {}
        while await self._reader.position(place) < end:
            for record in (await self._reader.getmany(place, timeout_ms=500)).get(place, []):
                last[record.key] = record.offset
        return last

    async def _handled(self, place: TopicPartition) -> int:
        """Everything parked before this offset was handled, or dropped."""
        return await self._reader.committed(place) or (await self._reader.beginning_offsets([place]))[place]

    async def holds(self, record: Any) -> bool:
        """Whether earlier events of this account are still parked: then this one has to wait behind them."""
        known, place = self._last, TopicPartition(PARKED, record.partition)
        if record.partition not in known:
            known[record.partition] = await self._read(place)
        last = known[record.partition].get(record.key)
        if last is None or await self._handled(place) <= last:
            return last is not None
        del known[record.partition][record.key]
        return False

    async def park(self, record: Any, why: str) -> None:
        """Return once it is stored in the parking topic."""
        headers = [*record.headers, ("parked-because", why.encode())]
        sent = await self._producer.send_and_wait(
            PARKED, record.value, key=record.key, partition=record.partition, headers=headers
        )
        self._last.get(record.partition, {})[record.key] = sent.offset
        log.error("parked %s: %s", header(record, "ce_id"), why)


async def follow(handler: Handler = handle) -> None:
    """Handle every event, or park it; then commit."""
    consumer = AIOKafkaConsumer(**settings(GROUP))
    async with consumer, Parking() as parking:
        consumer.subscribe([TOPIC], listener=parking)
        async for record in consumer:
            if await parking.holds(record):
                await parking.park(record, "an earlier event of this account is parked")
            elif error := await tried(handler, record):
                await parking.park(record, repr(error))
            await commit(consumer, record)


async def retry(handler: Handler = handle, drop: str = "") -> None:
    """Handle what is parked up to now, in order.

    Raises:
        SystemExit: an event still fails; it and what lies behind it in its partition stay parked.
    """
    async with AIOKafkaConsumer(**settings(PARKED)) as consumer:
        consumer.assign(await partitions())
        for place, end in (await consumer.end_offsets(list(consumer.assignment()))).items():
            while await consumer.position(place) < end:
                for record in (await consumer.getmany(place, timeout_ms=500)).get(place, []):
                    error = None if header(record, "ce_id") == drop else await tried(handler, record)
                    if error:
                        raise SystemExit(f"{header(record, 'ce_id')} still fails: {error!r}")
                    await commit(consumer, record)


async def partitions() -> list[TopicPartition]:
    """Partitions of the parking topic."""
    async with AIOKafkaProducer(bootstrap_servers=SERVERS) as producer:
        return [TopicPartition(PARKED, each) for each in await producer.partitions_for(PARKED)]


async def commit(consumer: AIOKafkaConsumer, record: Any) -> None:
    """Never see this record again, unless the partition is another member's by now: it sees it again."""
    with contextlib.suppress(CommitFailedError, IllegalStateError):
        await consumer.commit({TopicPartition(record.topic, record.partition): record.offset + 1})


def settings(group: str) -> dict[str, Any]:
    """What every consumer here is started with."""
    return {
        "bootstrap_servers": SERVERS,
        "group_id": group,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "isolation_level": "read_committed",
    }


def header(record: Any, name: str) -> str:
    """A header of a record, or nothing."""
    return next((value.decode() for each, value in record.headers if each == name), "")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        match sys.argv[1:]:
            case []:
                asyncio.run(follow())
            case ["retry"]:
                asyncio.run(retry())
            case ["drop", event_id]:
                asyncio.run(retry(drop=event_id))
            case _:
                sys.exit(__doc__)

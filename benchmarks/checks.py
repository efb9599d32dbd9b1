"""Whether a contender did its work: what is stored, what was published, what was committed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bson import Decimal128
from confluent_kafka import Consumer, KafkaError

from benchmarks.contenders.base import WorkNotDone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from benchmarks.log import Expected, Log
    from benchmarks.world import Run

POLL_SECONDS: Final = 20.0
BATCH: Final = 10_000


def expected_of(logs: Sequence[Log]) -> dict[str, Expected]:
    """What all logs together must come to."""
    return {account: expected for log in logs for account, expected in log.expected.items()}


def commands_in(logs: Sequence[Log]) -> int:
    """How many commands there are in all logs."""
    return sum(len(log.records) for log in logs)


def changes_in(logs: Sequence[Log]) -> int:
    """How many of them change a contract."""
    return sum(expected.commands for log in logs for expected in log.expected.values())


def check_contracts(
    run: Run,
    logs: Sequence[Log],
    fee_of: Callable[[dict[str, Any]], Any],
    *,
    versions: bool = True,
    exactly: bool = True,
) -> int:
    """Every account is stored once, with the fee of its last command, and counts its commands.

    Returns:
        How many accounts count a command twice; `exactly`: none may.
    """
    doubled = 0
    missing = expected_of(logs)
    fields = {"account_id": 1, "base_monthly_fee": 1, "changes.base_monthly_fee": 1, "version": 1}
    for document in run.database.contracts.find({}, fields):
        account = document["account_id"]
        wanted = missing.pop(account, None)
        if wanted is None:
            raise WorkNotDone(f"{account} is stored twice, or was never asked for")
        fee = as_float(fee_of(document))
        if abs(fee - wanted.fee) > 1e-6:
            raise WorkNotDone(f"{account} has the fee {fee}, not {wanted.fee} as its last command says")
        if not versions or document["version"] == wanted.commands:
            continue
        doubled += 1
        if exactly or document["version"] < wanted.commands:
            raise WorkNotDone(f"{account} is at version {document['version']}, not {wanted.commands}")
    if missing:
        raise WorkNotDone(f"{len(missing)} accounts are not stored, for instance {next(iter(missing))}")
    return doubled


def check_committed(offsets: Mapping[int, int], ends: Mapping[int, int]) -> None:
    """The group stands at the end of every partition."""
    for partition, end in ends.items():
        if offsets.get(partition, 0) < end:
            raise WorkNotDone(f"partition {partition}: committed {offsets.get(partition)} of {end}")


def check_published(run: Run, topic: str, least: int, *, exactly: bool) -> None:
    """A read_committed consumer sees at least, or exactly, as many events in the topic, no id twice."""
    ids, records = _read_ids(run, run.prefix + topic)
    if records < least or (exactly and records != least):
        raise WorkNotDone(f"{topic} holds {records} records, not {least}")
    if exactly and len(ids) != records:
        raise WorkNotDone(f"{topic} holds {records - len(ids)} events twice")


def _read_ids(run: Run, topic: str) -> tuple[set[bytes], int]:
    consumer = Consumer(
        {
            "bootstrap.servers": run.world.kafka.bootstrap,
            "group.id": f"{run.name}-check",
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    consumer.subscribe([topic])
    ids: set[bytes] = set()
    records, ended = 0, set[int]()
    try:
        while len(ended) < run.partitions:
            messages = consumer.consume(BATCH, POLL_SECONDS if not records else 1.0)
            if not messages and not records:
                raise WorkNotDone(f"{topic} cannot be read")
            for message in messages:
                error = message.error()
                if error is None:
                    records += 1
                    ids.update(_ids_in(message.headers()))
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                    ended.add(message.partition() or 0)
                else:
                    raise WorkNotDone(f"{topic} cannot be read: {error}")
    finally:
        consumer.close()
    return ids, records


def _ids_in(headers: Any) -> Iterator[bytes]:
    return (value for name, value in headers or () if name == "ce_id")


def as_float(value: Any) -> float:
    """A stored amount."""
    return float(value.to_decimal() if isinstance(value, Decimal128) else value)

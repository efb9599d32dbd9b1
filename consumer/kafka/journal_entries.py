"""The journal's records: what each partition's outputs are published up to, and who has claimed it.

Partition p of the topic tells of partition p of the commands. Everything in it stands in Kafka transactions:

    progress  with the outputs of every batch that touches p. The last one committed is C.
    claim     of a worker that takes p over.
    release   the last word of an owner that has published everything and lets p go.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final

import orjson
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from consumer.kafka.recordbatches import RecordBatch

_STATE_KEY: Final = b"progress"


@dataclass(frozen=True, slots=True)
class Progress:
    """Everything before `next` is published; offsets are of this generation of the log."""

    next: int
    generation: int
    by: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker takes the partition over."""

    by: str


@dataclass(frozen=True, slots=True)
class Release:
    """The same as progress, and the worker will never write here again."""

    next: int
    generation: int
    by: str


Entry = Progress | Claim | Release
_KINDS: Final[dict[str, type[Entry]]] = {"progress": Progress, "claim": Claim, "release": Release}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}


def milliseconds_now() -> int:
    """For records of the journal, whose times nobody reads."""
    return int(datetime.now(UTC).timestamp() * 1000)


def journal_batch(topic: str, partition: int, entry: Entry, timestamp: int) -> RecordBatch:
    """An entry as it is sent. Compaction keeps the last progress or release, and one claim of each worker."""
    key = f"claim/{entry.by}".encode() if isinstance(entry, Claim) else _STATE_KEY
    value = orjson.dumps({_NAMES[type(entry)]: entry})
    return _batch(topic, partition, key, value, timestamp)


def forgotten_claim(topic: str, partition: int, worker: str, timestamp: int) -> RecordBatch:
    """A tombstone for the claim of a worker that has ended: or claims would pile up for ever."""
    return _batch(topic, partition, f"claim/{worker}".encode(), None, timestamp)


def _batch(topic: str, partition: int, key: bytes, value: bytes | None, timestamp: int) -> RecordBatch:
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=1,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=0,
        batch_size=1 << 12,
    )
    builder.append(0, timestamp, key, value, [])
    return RecordBatch(topic, partition, 1, bytes(builder.build()))


def entry_of(key: bytes | None, value: bytes | None) -> Entry | None:
    """A record of the journal; None: a forgotten claim.

    Raises:
        ValueError: no worker wrote it.
    """
    if value is None and key is not None and key.startswith(b"claim/"):
        return None
    try:
        ((name, fields),) = orjson.loads(value or b"").items()
        entry = _KINDS[name](**fields)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError("not an entry of the journal") from error
    if all(isinstance(entry_field, int | str) for entry_field in asdict(entry).values()):
        return entry
    raise ValueError("not an entry of the journal")

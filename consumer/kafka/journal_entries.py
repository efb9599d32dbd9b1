"""The records of the journal: up to where each partition is published, and who has claimed it.

Partition p of the journal is about partition p of the commands. Kafka transactions write all records:

    progress  with the outputs of every batch that contains p. The last committed one is C.
    claim     of a worker that takes p over.
    release   the last record of an owner that has published everything and gives p back.

The progress after a claim also writes a tombstone for it, because earlier records are no longer needed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import orjson
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from consumer.kafka.recordbatches import RecordBatch

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_STATE_KEY: Final = b"progress"
_CLAIM: Final = "claim/"
_BATCH_BYTES: Final = 512 * 1024
_MOST_FORGOTTEN: Final = 1_000
"""Number of tombstones with one progress: an old journal may hold more claims, and all must fit into the
batch."""


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
    """As progress, and the worker will never write here again."""

    next: int
    generation: int
    by: str


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The claim of `worker` is no longer needed: compaction removes it."""

    worker: str


Entry = Progress | Claim | Release
_KINDS: Final[dict[str, type[Entry]]] = {"progress": Progress, "claim": Claim, "release": Release}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}


def milliseconds_now() -> int:
    """For records of the journal, whose times nobody reads."""
    return int(datetime.now(UTC).timestamp() * 1000)


def journal_batch(
    topic: str, partition: int, entry: Entry, timestamp: int, *, forgotten: Collection[str] = ()
) -> RecordBatch:
    """An entry as it is sent. Compaction keeps the last progress or release, and one claim of each worker.

    `forgotten` are the workers whose claims a progress makes superfluous. Their tombstones lie in front of
    it, so that they remove nothing that anybody still needs.
    """
    tombstones = [(f"{_CLAIM}{worker}".encode(), None) for worker in sorted(forgotten)[:_MOST_FORGOTTEN]]
    value = orjson.dumps({_NAMES[type(entry)]: entry})
    return _batch(topic, partition, [*tombstones, (_key_of(entry), value)], timestamp)


def _key_of(entry: Entry) -> bytes:
    return f"{_CLAIM}{entry.by}".encode() if isinstance(entry, Claim) else _STATE_KEY


def _batch(
    topic: str, partition: int, records: Sequence[tuple[bytes, bytes | None]], timestamp: int
) -> RecordBatch:
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=1,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=0,
        batch_size=_BATCH_BYTES,
    )
    for number, (key, value) in enumerate(records):
        builder.append(number, timestamp, key, value, [])
    return RecordBatch(topic, partition, len(records), bytes(builder.build()))


def entry_of(key: bytes | None, value: bytes | None) -> Entry | Forgotten:
    """A record of the journal.

    Raises:
        ValueError: no worker wrote it.
    """
    if value is None and key is not None and key.startswith(_CLAIM.encode()):
        return Forgotten(key.decode().removeprefix(_CLAIM))
    try:
        ((name, fields),) = orjson.loads(value or b"").items()
        entry = _KINDS[name](**fields)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError("not an entry of the journal") from error
    if _is_sound(entry) and key == _key_of(entry):
        return entry
    raise ValueError("not an entry of the journal")


def _is_sound(entry: Entry) -> bool:
    """Whether each field has its type: another program can write anything."""
    fields = asdict(entry)
    name = fields.pop("by")
    return isinstance(name, str) and all(type(number) is int and number >= 0 for number in fields.values())

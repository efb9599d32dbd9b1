"""The log through the service's own decoder, fold and encoder: the only file here that knows them.

What comes out is shown as lines: the stored documents with a digest of their bytes, and every output
record whole.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import bson
import orjson
from bson import json_util

from consumer.domain.model import Policy
from consumer.kafka.unreadable import Unreadable
from consumer.storage.documents import CODEC, contract_document, history_document
from tests.golden.files import shown
from tests.unit.engine.folding import folded
from tests.unit.engine.oracle import by_topic

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from consumer.kafka.recordbatches import Output
    from tests.golden.files import Record


def made_of(log: Sequence[Record], ends: Sequence[int] = ()) -> list[bytes]:
    """Everything that comes of the log, a JSON text for each thing.

    `ends`: how many records of each partition are folded when a batch ends.
    """
    partitions = sorted({record.partition for record in log})
    return [
        orjson.dumps(line)
        for partition in partitions
        for line in _made_in(partition, [each for each in log if each.partition == partition], ends)
    ]


def _made_in(partition: int, log: list[Record], ends: Sequence[int]) -> Iterator[dict[str, Any]]:
    result = folded([_as_read(record) for record in log], *ends, partition=partition, policy=Policy())
    for account in sorted(result.documents):
        yield _document("contract", result.documents[account])
    for contract in result.former:
        yield _document("former", contract_document(contract))
    for entry in result.history:
        yield _document("history", history_document(entry))
    tallies = {label: str(count) for label, count in sorted(result.tallies.items()) if count}
    yield {"made": "tallies", "partition": partition, "tallies": tallies}
    for (place, kind), (amount, times) in sorted(result.movements.items()):
        moved = {**place._asdict(), "kind": kind, "amount": str(amount), "times": times}
        yield {"made": "movement", "partition": partition, **moved}
    for _, outputs in sorted(by_topic(result.outputs).items()):
        yield from map(_output, outputs)


def _as_read(record: Record) -> Any:
    place = (record.topic, record.partition, record.offset, record.timestamp)
    return record if record.readable else Unreadable(*place)


def _document(made: str, document: dict[str, Any]) -> dict[str, Any]:
    raw = bson.encode(document, codec_options=CODEC)
    readable = json_util.dumps(bson.decode(raw), json_options=json_util.CANONICAL_JSON_OPTIONS)
    return {"made": made, "sha256": sha256(raw).hexdigest(), "document": orjson.loads(readable)}


def _output(output: Output) -> dict[str, Any]:
    return {
        "made": "output",
        "topic": output.topic,
        "partition": output.partition,
        "timestamp": output.timestamp,
        "key": shown(output.key),
        "headers": [[name, shown(content)] for name, content in output.headers],
        "value": shown(output.value),
    }

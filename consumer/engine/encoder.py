"""Where outputs go, and how dead letters and forwarded commands are written. command_outputs.py has the rest.

Deterministic: the same record at the same offset gives the same bytes.
"""

from __future__ import annotations

import hashlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from consumer.engine.command_outputs import CommandOutputs, Target, milliseconds
from consumer.engine.output_data import reference
from consumer.engine.records import forwarded_headers
from consumer.kafka.recordbatches import BatchWriter, Output
from schemas.cloudevents import caused_headers
from schemas.contract import to_json
from schemas.events import OUTPUTS
from schemas.topics import DEAD_LETTERS, output_partition

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from consumer.engine.records import Incoming, Misplaced, Record, Undecodable

DEAD_LETTER_PREFIX: Final = "dlq-"

MAX_DEAD_LETTER_BYTES: Final = 900_000
"""A larger record becomes a dead letter without its value: with the added headers it might not fit into the
topic."""


SAME_AS_INPUT: Final[Mapping[str, int]] = MappingProxyType({})
"""No counts: every output topic has as many partitions as the command topic."""


class Encoder:
    """Writes the outputs of one input partition.

    Args:
        partition: the input's; dead letters keep it.
        topic_prefix: of the topics' names.
        counts: how many partitions a topic has, with its prefix; of the others, as many as the input.
        state: whether what a contract has become goes to the topic of states, too.
        compression: of the record batches.
    """

    def __init__(
        self,
        partition: int,
        *,
        topic_prefix: str = "",
        counts: Mapping[str, int] = SAME_AS_INPUT,
        state: bool = True,
        compression: str = "none",
    ) -> None:
        self._partition = partition
        self._compression = compression
        self._state = state
        topics = {name: topic_prefix + spec.topic for name, spec in OUTPUTS.items()}
        self._targets = {
            name: Target(topic, output_partition(partition, counts[topic]) if topic in counts else partition)
            for name, topic in topics.items()
        }
        self._dead_letters = topic_prefix + DEAD_LETTERS

    def writer(self) -> BatchWriter:
        """An empty writer for these outputs."""
        return BatchWriter(self._compression)

    def outputs(self, cause: Incoming, identity: bytes, now: datetime) -> CommandOutputs:
        """The outputs of a command; `identity` is that of its history entry."""
        record = cause.record
        timestamp = record.timestamp if now is cause.at else milliseconds(now)
        command = cause.command
        headers = caused_headers(identity, command.offset, command.account_id, now, cause.envelope)
        return CommandOutputs(self._targets, record.key, timestamp, headers, cause, now, self._state)

    def forward(self, misplaced: Misplaced) -> Output:
        """The unchanged record, forwarded to its home, with a header that it was forwarded once."""
        record = misplaced.record
        headers = forwarded_headers(record)
        return Output(record.topic, misplaced.home, record.key, record.value, headers, record.timestamp)

    def dead_letter(self, letter: Undecodable) -> Output:
        """The dead letter: the record byte for byte, with the reason.

        A value that is too large is replaced by its hash.
        """
        record = letter.record
        headers = [header for header in record.headers if not header[0].startswith(DEAD_LETTER_PREFIX)]
        key, value = record.key, record.value
        reason = _dead_letter_headers(letter)
        if _size(record) > MAX_DEAD_LETTER_BYTES:
            digest = hashlib.sha256(value or b"").hexdigest().encode()
            reason += (("dlq-value-bytes", b"%d" % len(value or b"")), ("dlq-value-sha256", digest))
            headers, value = [], None
            key = key if key is not None and len(key) < MAX_DEAD_LETTER_BYTES else None
        return Output(self._dead_letters, self._partition, key, value, [*headers, *reason], record.timestamp)

    def dead_letter_result(
        self, letter: Undecodable, identity: bytes, offset: int, now: datetime
    ) -> Output | None:
        """The result for the sender of a dead letter, if its identity could be read.

        `offset` is its sequence number, as that of a command.
        """
        if letter.envelope is None or letter.account_id is None:
            return None
        result = {
            "command": reference(letter.envelope),
            "outcome": "rejected",
            "code": letter.code,
            "message": letter.message,
            "errors": list(letter.errors),
            "processed_at": now,
        }
        headers = caused_headers(identity, offset, letter.account_id, now, letter.envelope)
        return Output(
            *self._targets["command_result"],
            letter.account_id.encode(),
            to_json(result),
            headers.of("command_result", 0),
            milliseconds(now),
        )


def _size(record: Record) -> int:
    size = len(record.key or b"") + len(record.value or b"")
    return size + sum(len(name) + len(content or b"") for name, content in record.headers)


def _dead_letter_headers(letter: Undecodable) -> tuple[tuple[str, bytes], ...]:
    record = letter.record
    return (
        ("dlq-topic", record.topic.encode()),
        ("dlq-partition", b"%d" % record.partition),
        ("dlq-offset", b"%d" % record.offset),
        ("dlq-timestamp", b"%d" % record.timestamp),
        ("dlq-reason", letter.code.encode()),
        ("dlq-message", letter.message.encode()),
        ("dlq-path", letter.path.encode()),
    )

"""The answer of a leader to a fetch, for each partition: records, or an error."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiokafka import TopicPartition
from aiokafka.errors import (
    CorruptRecordException,
    OffsetOutOfRangeError,
    ReplicaNotAvailableError,
    UnknownTopicOrPartitionError,
    for_code,
)

from consumer.errors import (
    BrokerDenied,
    BrokerUnavailable,
    LogError,
    OutOfLog,
    RecordDamaged,
)
from consumer.kafka.bounds import look_up
from consumer.kafka.connection import broker_error
from consumer.kafka.damage import offset_after
from consumer.kafka.parsing import parse

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from consumer.engine.records import Record
    from consumer.errors import ContractsError
    from consumer.kafka.bounds import Bounds
    from consumer.kafka.leaders import Leaders
    from consumer.kafka.unreadable import Unreadable

_HAS_LOG_START: Final = 5
"""From this version on, an answer has the start of the log before the aborted transactions."""


class Fetched(NamedTuple):
    """The outcome for one partition.

    `first` is the requested offset, `next` the offset to fetch next: after the records and the transaction
    markers that follow them. `stable` is the last stable offset, `end` the high watermark.
    """

    first: int
    records: Sequence[Record | Unreadable]
    next: int
    stable: int
    end: int


Found = dict[int, "Fetched | ContractsError"]


class Answer(NamedTuple):
    """One leader's; partitions that are led `elsewhere` are to be asked for there.

    Those that it has never heard of are `unknown`, too: perhaps they were deleted.
    """

    found: Found
    elsewhere: Collection[int] = ()
    unknown: Collection[int] = ()

    def brought(self) -> list[int]:
        """The partitions that this leader can fetch next."""
        return [n for n, one in self.found.items() if isinstance(one, Fetched) and one.next > one.first]


async def understand(
    leaders: Leaders, response: Any, positions: Mapping[int, int], *, committed: bool
) -> Answer:
    """The answer to a request for these positions.

    Raises:
        BrokerDenied: the right to read the topic is missing.
    """
    found: Found = {}
    codes: dict[int, int] = {}
    for _, partitions in response.topics:
        for one in partitions:
            number, codes[number] = one[:2]
            if not codes[number]:
                found[number] = await _parsed(
                    leaders.topic, response, one, positions[number], committed=committed
                )
    outside = [number for number, code in codes.items() if for_code(code) is OffsetOutOfRangeError]
    if outside:
        with suppress(LogError):  # fetched again
            bounds = await look_up(leaders, outside)
            found |= {n: _out_of_range(leaders.topic, n, positions[n], bounds[n]) for n in outside}
    elsewhere = []
    for number, code in codes.items():
        if code and number not in outside:
            if _is_elsewhere(code):
                elsewhere.append(number)
            else:
                found[number] = _refused(leaders.topic, number, positions[number], code)
    unknown = [number for number in elsewhere if for_code(codes[number]) is UnknownTopicOrPartitionError]
    return Answer(found, elsewhere, unknown)


async def _parsed(
    topic: str, response: Any, one: Sequence[Any], first: int, *, committed: bool
) -> Fetched | ContractsError:
    number, _, end, stable = one[:4]
    aborted = one[5 if response.API_VERSION >= _HAS_LOG_START else 4]
    try:
        records, position = await parse(
            TopicPartition(topic, number), one[-1] or b"", (aborted or ()) if committed else (), first
        )
    except RecordDamaged:
        return RecordDamaged(topic, number, first, offset_after(one[-1], end if stable < 0 else stable))
    return Fetched(first, records, position, end if stable < 0 else stable, end)


def _out_of_range(topic: str, number: int, position: int, bounds: Bounds) -> ContractsError:
    if not bounds.start <= position <= bounds.end:
        return OutOfLog(
            f"{topic}/{number} holds offsets {bounds.start} to {bounds.end}, and not {position} any more"
        )
    return BrokerUnavailable(f"offset {position} of {topic}/{number} was not there, and is now")


def _is_elsewhere(code: int) -> bool:
    return bool(for_code(code).retriable) or for_code(code) is ReplicaNotAvailableError


def _refused(topic: str, number: int, position: int, code: int) -> ContractsError:
    if for_code(code) is CorruptRecordException:
        return RecordDamaged(topic, number, position)
    error = broker_error(f"cannot fetch {topic}/{number}", for_code(code)())
    if isinstance(error, BrokerDenied):
        raise error
    return error

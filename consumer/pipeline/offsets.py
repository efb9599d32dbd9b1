"""The group's committed offset as it is: OffsetFetch with `require_stable`, which aiokafka does not send.

Without it Kafka 4.1 answers from the last snapshot that it knows to be replicated. Brokers that had just been
restarted were seen to answer so from minutes before, even after a write. With it the answer is of everything
in the group's log, waits until that is replicated, and is refused while a transaction is open (KIP-447).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, TopicPartition

_PAUSE_SECONDS: Final = 0.05
_LOADING: Final = 14
_COORDINATOR_AWAY: Final = (15, 16)
_UNSTABLE: Final = 88
_NOTHING: Final[tuple[Any, ...]] = ("", ((0, -1, -1, "", 0, {}),), {})
"""A topic of an answer, where an error concerns all of it."""


class _Response(Response):  # type: ignore[misc]
    API_KEY = 9
    API_VERSION = 7
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "topics",
            CompactArray(
                ("topic", CompactString("utf-8")),
                (
                    "partitions",
                    CompactArray(
                        ("partition", Int32),
                        ("offset", Int64),
                        ("leader_epoch", Int32),
                        ("metadata", CompactString("utf-8")),
                        ("error_code", Int16),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("error_code", Int16),
        ("tags", TaggedFields),
    )


class _Struct(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = 9
    API_VERSION = 7
    RESPONSE_TYPE = _Response
    SCHEMA = Schema(
        ("group", CompactString("utf-8")),
        (
            "topics",
            CompactArray(
                ("topic", CompactString("utf-8")), ("partitions", CompactArray(Int32)), ("tags", TaggedFields)
            ),
        ),
        ("require_stable", Boolean),
        ("tags", TaggedFields),
    )


class _StableOffset(Request[_Struct]):  # type: ignore[misc]
    API_KEY = 9

    def __init__(self, group: str, place: TopicPartition) -> None:
        self._group = group
        self._place = place

    def build(self, struct: type[_Struct]) -> _Struct:
        topics: list[tuple[Any, ...]] = [(self._place.topic, [self._place.partition], {})]
        return struct(group=self._group, topics=topics, require_stable=True, tags={})


async def committed_offset(consumer: AIOKafkaConsumer, place: TopicPartition) -> int | None:
    """What the consumer's group has committed for a partition. Without a coordinator it asks for ever.

    Raises:
        KafkaError: we have no right to ask.
    """
    coordinator = consumer._coordinator
    while True:
        await coordinator.ensure_coordinator_known()
        try:
            response = await coordinator._send_req(_StableOffset(coordinator.group_id, place))
        except KafkaError as error:
            if not error.retriable:
                raise
            await asyncio.sleep(_PAUSE_SECONDS)
            continue
        (_, ((_, offset, _, _, refused, _),), _), *_ = response.topics or [_NOTHING]
        code = response.error_code or refused
        if code == 0:
            return int(offset) if offset >= 0 else None
        if code in _COORDINATOR_AWAY:
            coordinator.coordinator_dead()
        elif code not in (_LOADING, _UNSTABLE):
            raise for_code(code)(coordinator.group_id)
        await asyncio.sleep(_PAUSE_SECONDS)

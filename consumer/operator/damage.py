"""What the decision `--past-damage` does to a position."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from consumer.errors import BrokerUnavailable, ContractsError, InputRefused, RecordDamaged

if TYPE_CHECKING:
    from consumer.kafka.fetcher import Fetcher
    from consumer.storage.protocols import Position

READ_SECONDS: Final = 10.0
"""Maximum time for reading the log."""


class Damage(NamedTuple):
    """A damaged batch: the offset of its first record not applied yet, and the first offset after it."""

    first: int
    after: int


async def passed_by(log: Fetcher, position: Position) -> tuple[Position, Damage]:
    """The position after a damaged batch. The batch is at the position, or contains the record before it.

    Raises:
        InputRefused: nothing is damaged there, or the end of the damage is not known.
        LogError: the log cannot be read.
    """
    last = position.last
    if last is not None and (before := await _damage_at(log, position, last.offset)) is not None:
        # The last applied record is damaged: the next takeover cannot compare it.
        after = max(position.next, before.after)
        return replace(position, next=after, last=None), Damage(position.next, after)
    found = await _damage_at(log, position, position.next)
    if found is None:
        raise InputRefused(
            f"{position.partition}: nothing is damaged at offset {position.next}",
            hint="start the service: no decision is needed",
        )
    return replace(position, next=found.after), found


async def _damage_at(log: Fetcher, position: Position, offset: int) -> Damage | None:
    """The damage at this offset, or after transaction markers at this offset; None: there is no damage."""
    number = position.topic_partition[1]
    deadline = asyncio.get_running_loop().time() + READ_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        match (await log.fetch({number: offset}, timeout_ms=500)).get(number):
            case None:
                continue
            case RecordDamaged(after=None):
                raise InputRefused(
                    f"{position.partition}: the end of the damage at offset {offset} is not known",
                    hint="`--to-log-end --force` skips all records that are in the partition now",
                )
            case RecordDamaged(after=int(after)):
                return Damage(offset, after)
            case ContractsError() as error:
                raise error
            case fetched if fetched.records or fetched.next == offset:
                return None
            case fetched:
                offset = fetched.next
    raise BrokerUnavailable(f"{position.partition}: offset {offset} cannot be read")

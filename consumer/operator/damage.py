"""What an operator's decision to pass by damaged records comes to."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from consumer.errors import BrokerUnavailable, ContractsError, InputRefused, RecordDamaged

if TYPE_CHECKING:
    from consumer.kafka.fetcher import Fetcher
    from consumer.storage.protocols import Position

READ_SECONDS: Final = 10.0
"""How long the log is asked."""


class Damage(NamedTuple):
    """A damaged batch: its first offset, as far as it is still to be applied, and the one after its last."""

    first: int
    after: int


async def passed_by(log: Fetcher, position: Position) -> tuple[Position, Damage]:
    """The position behind the damaged batch that stands at it, or that holds the record before it.

    Raises:
        InputRefused: nothing is damaged there, or nobody can tell how far the damage reaches.
        LogError: the log cannot be read.
    """
    last = position.last
    if last is not None and (before := await _damage_at(log, position, last.offset)) is not None:
        # It cannot be compared any more.
        after = max(position.next, before.after)
        return replace(position, next=after, last=None), Damage(position.next, after)
    found = await _damage_at(log, position, position.next)
    if found is None:
        raise InputRefused(
            f"{position.partition}: nothing is damaged at offset {position.next}",
            hint="start the service: it goes on by itself",
        )
    return replace(position, next=found.after), found


async def _damage_at(log: Fetcher, position: Position, offset: int) -> Damage | None:
    """The damage behind this offset, with nothing but transaction markers in between; None: there is none."""
    number = position.place[1]
    deadline = asyncio.get_running_loop().time() + READ_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        match (await log.fetch({number: offset}, timeout_ms=500)).get(number):
            case None:
                continue
            case RecordDamaged(after=None):
                raise InputRefused(
                    f"{position.partition}: how far the damage at offset {offset} reaches cannot be told",
                    hint="`--to-log-end --force` gives up all that is in the log by now",
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

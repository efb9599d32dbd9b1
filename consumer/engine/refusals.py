"""Handles commands that MongoDB does not store: they must not stop other partitions.

The partition's next batches contain nothing of other partitions, and each is half as large, until the command
at fault is alone. If MongoDB refuses a document of it even then, it becomes a dead letter. If it is too large
or too slow, or its contract was stored by a newer version, it is tried again after a pause, and only its
partition waits.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from consumer.engine.backoff import without_frames
from consumer.engine.records import Incoming, Undecodable
from consumer.errors import (
    AheadOfPosition,
    BatchTooLarge,
    Fenced,
    ForeignDocument,
    NewerSchema,
    PoisonDocument,
    TornDatabase,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consumer.engine.apply import Share
    from consumer.engine.partition import Partition
    from consumer.errors import ContractsError
    from consumer.storage.protocols import Store

log = structlog.get_logger()

AGAIN_SECONDS: Final = 1.0
"""Pause before a command is tried again that MongoDB did not take even alone, in seconds. The other
partitions' batches are stored meanwhile."""


async def narrow(
    partition: Partition, share: Share, error: Exception, store: Store, owner: str
) -> ContractsError | None:
    """Makes the next batch smaller after this share was refused alone, or its only command a dead letter.

    Returns why the partition must stop instead; None: it continues.

    Raises:
        Fenced: the partition has another owner.
    """
    records = share.records
    match error:
        case ForeignDocument():
            return error
        case AheadOfPosition():
            return await _torn(share, error, store, owner)
        case PoisonDocument() if len(records) == 1 and isinstance(poison := records[0], Incoming):
            partition.dead_letter(_refused(poison))
        case BatchTooLarge() | NewerSchema() | PoisonDocument() if len(records) <= 1:
            _wait(partition, share, error)
        case _:
            if isinstance(error, PoisonDocument):
                partition.batch_size.isolate(share.position.next, share.next)
            partition.batch_size.halve(len(records))
    return None


async def try_alone(shares: Sequence[tuple[Partition, Share]]) -> None:
    """After a batch without an answer: perhaps the commands of one partition are only too slow.

    Each is tried alone, with fewer commands. The same batch could fail forever, and hold all of them up.
    """
    were_alone = all(partition.alone for partition, _ in shares)
    for partition, share in shares:
        partition.batch_size.isolate(share.position.next, share.next)
        partition.batch_size.halve(len(share.records))
    if were_alone:
        await asyncio.sleep(AGAIN_SECONDS)


def _wait(partition: Partition, share: Share, error: ContractsError) -> None:
    """Nothing is left to divide, and nothing of it is stored: it is tried again alone, after a pause."""
    if not partition.alone:
        partition.batch_size.isolate(share.position.next, share.next)
        return
    if partition.batch_size.refusal is None:
        log.warning("not stored yet", partition=partition.number, error=str(error), hint=error.hint)
    partition.batch_size.refused_alone(without_frames(error), AGAIN_SECONDS)


async def _torn(share: Share, error: AheadOfPosition, store: Store, owner: str) -> TornDatabase:
    """Checks the owner: an earlier owner would take the new owner's writes for an inconsistent backup.

    Raises:
        Fenced: the partition has another owner.
    """
    position = share.position
    stored = await store.owned([position.partition], owner)
    if stored[position.partition].next != position.next:
        raise Fenced(f"{position.partition} is not at {position.next} any more") from error
    return TornDatabase(*position.topic_partition, what=str(error), position=position.next)


def _refused(poison: Incoming) -> Undecodable:
    log.error("refused by the database", partition=poison.record.partition, offset=poison.record.offset)
    return Undecodable(
        code="refused_by_database",
        message="the database refuses what this command would store",
        path="",
        record=poison.record,
        envelope=poison.envelope,
        account_id=poison.command.account_id,
    )

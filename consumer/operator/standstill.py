"""Makes sure that no instance of the service works on the partitions that an operator decides about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.engine.claiming import last_words
from consumer.errors import InputRefused
from consumer.kafka.journal_tail import Hidden

if TYPE_CHECKING:
    from collections.abc import Collection

    from consumer.kafka.groups import Groups
    from consumer.kafka.journal import Journal
    from consumer.kafka.journal_tail import Tail
    from consumer.kafka.publisher import Publisher
    from consumer.operator.position_table import PositionTable
    from consumer.storage.protocols import Store


class Standstill:
    """Refuses while the service runs, and ends what a killed or paused instance may have left open.

    Args:
        groups: tells whether the group has members.
        publisher: started before transactions are ended; writes claims as `worker`.
    """

    def __init__(
        self,
        store: Store,
        table: PositionTable,
        journal: Journal,
        groups: Groups,
        publisher: Publisher,
        *,
        worker: str,
    ) -> None:
        self._store = store
        self._table = table
        self._journal = journal
        self._groups = groups
        self._publisher = publisher
        self._worker = worker

    async def refuse_while_running(self) -> None:
        """A running owner would overwrite the decision, or be overwritten by it."""
        positions, _ = await self._table.positions()
        for group in sorted({self._table.origin.group, *(each.origin.group for each in positions.values())}):
            if members := await self._groups.members(group):
                raise InputRefused(
                    f"the group {group} has running members: {members}",
                    hint="stop all instances of the service first",
                )

    async def end_version_01(self) -> None:
        """A paused process of version 0.1 could still commit to MongoDB or Kafka after the decision."""
        found, _ = await self._table.positions()
        old = [one for one in found.values() if not one.has_journal]
        await self._store.disown([one.partition for one in old])
        await self._publisher.fence(
            [f"{one.origin.group}-{'-'.join(map(str, one.topic_partition))}" for one in old]
        )

    async def tails(self, numbers: Collection[int]) -> dict[int, Tail | None]:
        """Ends all transactions of other workers on these partitions, so that no batch is published twice.

        Returns the end of each partition's journal; None if it cannot be read.

        Raises:
            ForeignTransaction: another program's open transaction hides the end of one of them.
        """
        await self._store.disown([self._table.names[number] for number in numbers])
        ends = await last_words(self._publisher, self._journal, self._worker, numbers, beat=lambda: None)
        found: dict[int, Tail | None] = {}
        for number, end in ends.items():
            if isinstance(end, Hidden):
                raise end.error
            found[number] = None if end.problem else end
        return found

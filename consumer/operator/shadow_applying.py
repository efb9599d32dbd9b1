"""Applies the command log to the database of a shadow, with the parts of the engine."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from consumer.engine.takeover import Resumed
from consumer.errors import ContractsError, LogError, OutcomeUnknown, StoreUnavailable, WriteConflict
from consumer.kafka.answers import Fetched
from consumer.kafka.recordbatches import outputs_in
from consumer.operator.shadow_again import claim_again
from consumer.operator.shadow_begin import refuse_log_cut_meanwhile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from consumer.engine.partition import Partition
    from consumer.engine.storing import Storing
    from consumer.kafka.fetcher import Fetcher
    from consumer.kafka.recordbatches import Output
    from consumer.storage.mongo import MongoStore
    from consumer.storage.protocols import Position

WAIT_MS: Final = 200


class Applying:
    """The log up to some offsets.

    Args:
        store: of the shadow.
        partitions: fresh ones, by number, which store there.
        take: called after each batch of a partition with its outputs and the offset that it has reached.
        on_progress: called with each number of commands applied.
    """

    def __init__(
        self,
        store: MongoStore,
        fetcher: Fetcher,
        partitions: Mapping[int, Partition],
        storing: Storing,
        take: Callable[[int, Sequence[Output], int], None],
        on_progress: Callable[[int], None],
    ) -> None:
        self._store = store
        self.fetcher = fetcher
        self.partitions = partitions
        self._storing = storing
        self._take = take
        self._on_progress = on_progress
        self._owner = f"shadow-{uuid4().hex}"
        self._taken: dict[int, int] = {}
        self._ends: Mapping[int, int] = {}
        self.commands = 0

    async def begin(self, positions: Iterable[Position], ends: Mapping[int, int]) -> None:
        """Sets the positions to where the shadow begins; `ends`: up to where it applies the log."""
        fresh = {position.topic_partition[1]: position for position in positions}
        await self._store.claim([position.partition for position in fresh.values()], self._owner)
        self._storing.owner = self._owner
        self._ends = ends
        for number, position in fresh.items():
            await self._store.begin(position, self._owner)
            self.partitions[number].go_on_from(Resumed(position, position.next))
            self._taken[number] = position.next

    @property
    def waiting(self) -> list[int]:
        """The partitions that have not reached their end."""
        return [n for n, partition in self.partitions.items() if partition.position.next < self._ends[n]]

    async def apply(self) -> None:
        """Applies the next commands.

        Raises:
            PositionError: a partition cannot be applied.
            InputRefused: the next commands were deleted.
            StoreError, LogError: a server does not answer.
        """
        waiting = self.waiting
        await self._fetch(waiting)
        ready = [p for n in waiting if (p := self.partitions[n]).intake.waiting]
        if not ready:
            return
        try:
            batches = await self._storing.store(0, ready)
        except (OutcomeUnknown, StoreUnavailable, WriteConflict):
            kept = await claim_again(self._store, self._owner, self.partitions, self._taken)
            for number, found in kept.items():
                self._done(number, found.outputs, found.next, found.commands)
            return
        for stored in batches:
            stored.partition.publication.unpublished_batches = 0
            outputs = [*outputs_in(stored.outputs or ())]
            self._done(stored.partition.number, outputs, stored.position.next, len(stored.timestamps))
        for partition in ready:
            if partition.error is not None:
                raise partition.error

    async def _fetch(self, waiting: Sequence[int]) -> None:
        hungry = {n: p.intake.next for n in waiting if not (p := self.partitions[n]).intake.waiting}
        if not hungry:
            return
        found = await self.fetcher.fetch(hungry, timeout_ms=WAIT_MS)
        if not any(isinstance(one, Fetched) and one.next > one.first for one in found.values()):
            await self._refuse_cut_log(hungry)
        for number, fetched in found.items():
            if isinstance(fetched, ContractsError):
                raise fetched
            end = self._ends[number]
            records = [record for record in fetched.records if record.offset < end]
            cut = fetched._replace(records=records, next=min(fetched.next, end))
            self.partitions[number].take_in(cut, asyncio.get_running_loop().time())
        for number in hungry:  # only markers of transactions are left up to the end
            partition = self.partitions[number]
            if not partition.intake.waiting and partition.intake.next == self._ends[number]:
                partition.position = replace(partition.position, next=self._ends[number])

    async def _refuse_cut_log(self, hungry: Mapping[int, int]) -> None:
        """An answer without records is rare: all commands were in the log when the shadow began."""
        with suppress(LogError):  # the next fetch tells, or waits for a new leader
            for number, bounds in (await self.fetcher.bounds(hungry)).items():
                name = self.partitions[number].position.partition
                refuse_log_cut_meanwhile(name, hungry[number], self._ends[number], bounds)

    def _done(self, number: int, outputs: Sequence[Output], reached: int, commands: int) -> None:
        self.commands += commands
        self._on_progress(commands)
        self._take(number, outputs, reached)
        self._taken[number] = reached

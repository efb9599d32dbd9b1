"""Restores a checkpoint to an empty database. The rest of the log is applied by the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.engine.checks import problem_of
from consumer.errors import InputRefused, JournalMissing
from consumer.operator.checkpoint.creation import HISTORY
from consumer.operator.checkpoint.files import Files
from consumer.operator.checkpoint.manifest import deciding, read_manifest
from consumer.storage.snapshot import CONTRACTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from consumer.kafka.journal_entries import Progress
    from consumer.operator.position_table import PositionTable
    from consumer.settings import Settings
    from consumer.storage.protocols import Position, Store
    from consumer.storage.restoring import Restoring

COUNTED: Final = (*CONTRACTS, HISTORY, "movements")
"""Collections that hold nothing else afterwards; templates may have been registered since."""


class Restoration:
    """A checkpoint, and the database that it is restored to.

    Args:
        on_progress: called with each number of documents that was stored.
    """

    def __init__(
        self, folder: Path, restoring: Restoring, on_progress: Callable[[int], object] = lambda _: None
    ) -> None:
        self._files = Files(folder)
        self._restoring = restoring
        self._on_progress = on_progress
        self.manifest = read_manifest(folder)

    def refuse_other_settings(self, settings: Settings) -> None:
        """The rest of the log must be decided as before.

        Raises:
            InputRefused: a setting that decides is another one.
        """
        now = deciding(settings)
        other = [name for name, value in self.manifest.settings.items() if now.get(name) != value]
        if other:
            told = ", ".join(f"CONTRACTS_{name.upper()} was {self.manifest.settings[name]}" for name in other)
            raise InputRefused(
                f"the checkpoint was made with other settings: {told}",
                hint="--force restores it, and the rest of the log is decided by the present settings",
            )

    async def refuse_other_log(
        self, table: PositionTable, store: Store, progress: Mapping[int, Progress | None]
    ) -> None:
        """The checkpoint must be of this log and group, and not be ahead of what is published.

        Raises:
            InputRefused: it is not.
        """
        if table.topic != self.manifest.topic:
            raise InputRefused(f"the checkpoint is of the topic {self.manifest.topic}, not of {table.topic}")
        positions = self.manifest.positions
        if positions.keys() != progress.keys():
            raise InputRefused(
                f"the checkpoint has {len(positions)} partitions, and the topic {len(progress)}"
            )
        problems = await problem_of(table.log, store, table.origin, table.topic, positions, progress)
        for _, problem in sorted(problems.items()):
            if not isinstance(problem, JournalMissing):  # the service then asks for a decision about it
                raise InputRefused(f"the checkpoint does not fit the log: {problem}")
        for number, said in progress.items():
            if said is not None and said.next < positions[number].next:
                raise InputRefused(
                    f"the checkpoint is ahead of the journal: partition {number} is published up to "
                    f"{said.next}, and the checkpoint is of {positions[number].next}"
                )

    def refuse_used(self, stored: Mapping[str, Position]) -> None:
        """Only an empty database is restored, or one that was restored to this checkpoint.

        Raises:
            InputRefused: it has other positions.
        """
        ours = {position.partition: position for position in self.manifest.positions.values()}
        for name, position in stored.items():
            if position != ours.get(name):
                raise InputRefused(
                    f"{name} has a position: only an empty database is restored",
                    hint="drop the database, or name another with CONTRACTS_MONGO_DATABASE",
                )

    async def refuse_foreign(self) -> None:
        """Looks at some documents without positions: an interrupted run may have stored them.

        Raises:
            CheckpointDamaged: a file was changed.
            InputRefused: one is not in the checkpoint.
        """
        for collection in COUNTED:
            left = await self._restoring.some(collection)
            for file in self.manifest.files:
                if left and file.collection == collection:
                    left.difference_update(self._files.read(file))
            if left:
                raise _not_empty(f"{collection} has documents that the checkpoint has not")

    async def store(self) -> None:
        """Stores all documents; what is there already is left.

        Raises:
            CheckpointDamaged: a file was changed.
            InputRefused: the database is not empty.
        """
        for file in self.manifest.files:
            documents = self._files.read(file)
            await self._restoring.store(file.collection, documents)
            self._on_progress(len(documents))
        for collection in COUNTED:
            there, expected = await self._restoring.count(collection), self.manifest.documents(collection)
            if there != expected:
                raise _not_empty(f"{collection} has {there:,} documents, and the checkpoint {expected:,}")


def _not_empty(why: str) -> InputRefused:
    return InputRefused(why, hint="only an empty database is restored: drop it, or name another")

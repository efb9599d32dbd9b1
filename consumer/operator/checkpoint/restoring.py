"""Restores a checkpoint to an empty database. The rest of the log is applied by the service."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from consumer.engine.checks import problem_of
from consumer.errors import InputRefused, JournalMissing
from consumer.operator.checkpoint.creation import HISTORY
from consumer.operator.checkpoint.files import Files
from consumer.operator.checkpoint.locks import reading
from consumer.operator.checkpoint.manifest import deciding, read_manifest
from consumer.storage import known_templates
from consumer.storage.restoring import not_empty
from consumer.storage.snapshot import CONTRACTS, WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from consumer.kafka.journal_entries import Progress
    from consumer.operator.checkpoint.manifest import Manifest
    from consumer.operator.position_table import PositionTable
    from consumer.settings import Settings
    from consumer.storage.protocols import Store
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

    async def is_done(self, stored: Mapping[str, object]) -> bool:
        """Whether the database was restored to this checkpoint, and nothing came after it.

        Args:
            stored: the positions that the database has, by name.

        Raises:
            InputRefused: it has other positions.
        """
        if not stored:
            return False
        if stored != {position.partition: position for position in self.manifest.positions.values()}:
            raise InputRefused(
                f"{min(stored)} has a position: only an empty database is restored",
                hint="drop the database, or name another with CONTRACTS_MONGO_DATABASE",
            )
        await self._refuse_other_counts()
        return True

    async def refuse_foreign(self) -> None:
        """Contracts or history may be live, although the positions are lost. Nothing is changed.

        Raises:
            CheckpointDamaged: a file was changed.
            InputRefused: something is there that no interrupted restore of this checkpoint has stored.
        """
        begun = await self._restoring.begun()
        if begun not in {None, self.manifest.id()}:
            raise not_empty("the restore of another checkpoint has begun in the database")
        for collection in COUNTED:
            most = self.manifest.documents(collection) if begun else 0
            if await self._restoring.count(collection, most) > most:
                raise not_empty(f"{collection} has documents that the checkpoint has not")
        # The service registers templates when it starts, before it needs a position.
        for file in self.manifest.files:
            if file.collection == known_templates.COLLECTION:
                await self._restoring.known(file.collection, self._files.read(file))

    async def begin(self) -> None:
        """From now on, documents that are there are those of this checkpoint.

        Raises:
            InputRefused: the restore of another one has begun.
        """
        await self._restoring.begin(self.manifest.id())

    async def store(self) -> None:
        """Stores all documents, those of small collections first; what is there already is left.

        Raises:
            CheckpointDamaged: a file was changed.
            InputRefused: the database is not empty.
        """
        for file in sorted(self.manifest.files, key=lambda file: file.collection not in WHOLE):
            documents = self._files.read(file)
            await self._restoring.store(file.collection, documents)
            self._on_progress(len(documents))
        await self._refuse_other_counts()

    async def finish(self) -> None:
        """Stores the positions.

        Raises:
            InputRefused: there are others meanwhile.
        """
        await self._restoring.finish(self.manifest.topic, self.manifest.positions.values())

    async def _refuse_other_counts(self) -> None:
        for collection in COUNTED:
            expected = self.manifest.documents(collection)
            there = await self._restoring.count(collection, expected)
            if there != expected:
                counted = f"{there:,} documents" if there < expected else f"more than {expected:,} documents"
                raise not_empty(f"{collection} has {counted}, and the checkpoint {expected:,}")


@contextmanager
def opened(
    folder: Path, restoring: Restoring, on_progress: Callable[[int], object] = lambda _: None
) -> Iterator[Restoration]:
    """A checkpoint whose files stay until the end of the block.

    Raises:
        InputRefused: the folder holds no checkpoint, or one is being written to it.
        CheckpointDamaged: its manifest was changed.
    """
    with reading(folder):
        yield Restoration(folder, restoring, on_progress)


def refuse_other_settings(manifest: Manifest, settings: Settings) -> None:
    """The rest of the log must be decided as before.

    Raises:
        InputRefused: a setting that decides is another one.
    """
    now = deciding(settings)
    other = [name for name, value in manifest.settings.items() if now.get(name) != value]
    if other:
        listed = ", ".join(f"CONTRACTS_{name.upper()} was {manifest.settings[name]}" for name in other)
        raise InputRefused(
            f"the checkpoint was made with other settings: {listed}",
            hint="--force restores it, and the rest of the log is decided by the present settings",
        )

"""Writes a checkpoint while the service runs."""

from __future__ import annotations

import heapq
import shutil
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple

from consumer.engine.entries import erased_entry
from consumer.errors import CheckpointDamaged, InputRefused
from consumer.operator.checkpoint.files import Files
from consumer.operator.checkpoint.locks import writing
from consumer.operator.checkpoint.manifest import Manifest, read_manifest
from consumer.operator.checkpoint.replacing import origin_of, refuse_worse
from consumer.operator.shadow import until_published
from consumer.storage.snapshot import CONTRACTS, account_of, id_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path
    from typing import Any, BinaryIO

    from consumer.kafka.journal import Journal
    from consumer.operator.checkpoint.manifest import File
    from consumer.storage.changes import Changes
    from consumer.storage.protocols import Position
    from consumer.storage.snapshot import Snapshot

HISTORY: Final = "history"
SPOOL: Final = ".contracts-checkpoint-reading"
"""The folder of what was read, beside the files. It is emptied: nobody else has a folder of this name."""


class Created(NamedTuple):
    """A checkpoint, and how many of its files were there already."""

    manifest: Manifest
    reused: int


class Creation:
    """One run of `contracts checkpoint create`.

    Args:
        settings: those that decide.
        force: replace whatever checkpoint is in the folder.
        on_progress: called with each number of documents that was read.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        journal: Journal,
        folder: Path,
        *,
        release: str,
        topic: str,
        settings: Mapping[str, Any],
        force: bool = False,
        on_progress: Callable[[int], object] = lambda _: None,
    ) -> None:
        self._snapshot = snapshot
        self._journal = journal
        self._folder = folder
        self._files = Files(folder)
        self._named = release, topic, settings
        self._force = force
        self._on_progress = on_progress

    async def run(self) -> Created:
        """Reads the database to a folder beside the files, and then writes them with what has changed.

        Raises:
            InputRefused: the service has applied nothing, outputs are not published, another process uses the
                folder, or the checkpoint in it is later or of another service.
            CheckpointDamaged: the manifest in the folder cannot be read, the old one or the new one.
            ServiceUnavailable: MongoDB does not answer.
        """
        self._files.folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # it has personal data
        with writing(self._folder):
            return await self._run()

    async def _run(self) -> Created:
        await self._snapshot.begin()
        if not self._snapshot.begun:
            raise InputRefused("the database has no positions: the service has applied nothing")
        origin_of(self._snapshot.begun)
        if not self._force:  # positions only go forward, and nobody else writes to the folder
            refuse_worse(self._folder, self._named[1], self._snapshot.begun)
        with _emptied(self._folder / SPOOL) as spool:
            await self._read(spool)
            positions, changes = await self._snapshot.changes()
            # Unpublished outputs are in the outbox, which a checkpoint does not have.
            await until_published(self._journal, {n: position.next for n, position in positions.items()})
            files = [*self._written(spool, positions, changes)]
        manifest = Manifest(*self._named, positions, files)
        manifest.write(self._folder)
        if read_manifest(self._folder).id() != manifest.id():
            raise CheckpointDamaged(f"{self._folder} has another manifest than the one that was just written")
        self._files.keep(files)
        return Created(manifest, self._files.reused)

    async def _read(self, spool: Path) -> None:
        for collection in CONTRACTS:
            with (spool / collection).open("wb") as file:
                async for page in self._snapshot.contracts(collection):
                    self._spool(file, page)
        for number in self._snapshot.begun:
            with (spool / f"{HISTORY}-{number}").open("wb") as file:
                async for page in self._snapshot.entries(number):
                    self._spool(file, page)

    def _spool(self, file: BinaryIO, page: list[bytes]) -> None:
        file.writelines(page)
        self._on_progress(len(page))

    def _written(self, spool: Path, positions: Mapping[int, Position], changes: Changes) -> Iterator[File]:
        current, former = ((spool / collection) for collection in CONTRACTS)
        left = (
            one
            for one in _documents(current)
            if not changes.accounts or account_of(one) not in changes.accounts
        )
        yield from self._files.write(CONTRACTS[0], _merged(left, changes.contracts.values()))
        left = (one for one in _documents(former) if id_of(one) not in changes.former)
        yield from self._files.write(CONTRACTS[1], _merged(left, changes.former.values()))
        for number in sorted(positions):
            read = _documents(spool / f"{HISTORY}-{number}")
            entries = (changes.entry(one, erased_entry) for one in chain(read, changes.entries[number]))
            yield from self._files.write(HISTORY, entries, number)
        for name, documents in changes.whole.items():
            yield from self._files.write(name, documents)


@contextmanager
def _emptied(folder: Path) -> Iterator[Path]:
    """An empty folder, which is removed afterwards; if the process was killed, by the next one."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _merged(read: Iterable[bytes], changed: Iterable[bytes]) -> Iterator[bytes]:
    return heapq.merge(read, sorted(changed, key=id_of), key=id_of)


def _documents(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while length := file.read(4):
            yield length + file.read(int.from_bytes(length, "little") - 4)

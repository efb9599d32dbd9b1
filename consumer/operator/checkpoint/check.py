"""Checks that a checkpoint is as it was written, and of one moment."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from consumer.errors import CheckpointDamaged
from consumer.operator.checkpoint.creation import HISTORY
from consumer.operator.checkpoint.files import Files
from consumer.operator.checkpoint.locks import reading
from consumer.operator.checkpoint.manifest import read_manifest
from consumer.operator.history_walk import Finding, Walk
from consumer.storage.snapshot import CONTRACTS, offset_of, tally_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from consumer.operator.checkpoint.manifest import File, Manifest
    from consumer.storage.protocols import Position


class Part(NamedTuple):
    """What a checkpoint holds of a collection; `bytes` uncompressed, `stored` in the files."""

    collection: str
    documents: int
    files: int
    bytes: int
    stored: int


def parts_of(manifest: Manifest, files: Files) -> list[Part]:
    """The size of a checkpoint, by collection."""
    return [
        _part(name, manifest, files) for name in dict.fromkeys(file.collection for file in manifest.files)
    ]


def _part(collection: str, manifest: Manifest, files: Files) -> Part:
    mine = [file for file in manifest.files if file.collection == collection]
    stored = sum(files.path(file).stat().st_size for file in mine)
    documents = manifest.documents(collection)
    return Part(collection, documents, len(mine), sum(file.bytes for file in mine), stored)


class CheckpointCheck:
    """One run of `contracts checkpoint verify`. Nothing is changed, and no server is needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = Files(folder)
        self.parts: list[Part] = []
        """Its size, by collection, once it was read."""

    def run(self, on_progress: Callable[[int], object] = lambda _: None) -> Manifest:
        """Reads every file.

        Raises:
            InputRefused: the folder holds no checkpoint, or one is being written to it.
            CheckpointDamaged: the first damage.
        """
        with reading(self._folder):
            return self._run(on_progress)

    def _run(self, on_progress: Callable[[int], object]) -> Manifest:
        manifest = read_manifest(self._folder)
        chains = _Chains(manifest.positions)
        counted: Counter[str] = Counter()
        for file in manifest.files:
            documents = self._files.read(file)
            if file.collection == HISTORY:
                chains.step(file, documents, self._files)
            elif file.collection == CONTRACTS[0]:
                counted.update(map(tally_of, documents))
            on_progress(len(documents))
        chains.end(self._folder)
        self._compare(counted, manifest.positions)
        self.parts = parts_of(manifest, self._files)
        return manifest

    def _compare(self, counted: Counter[str], positions: Mapping[int, Position]) -> None:
        """The positions count the contracts, too: they are of another moment if that differs."""
        tallied: Counter[str] = Counter()
        for position in positions.values():
            tallied.update(
                {
                    label: int(tally)
                    for label, tally in position.tallies.items()
                    if not label.partition("/")[2].isupper()
                }
            )
        for label in sorted({*counted, *tallied}):
            if counted[label] != tallied[label]:
                raise CheckpointDamaged(
                    f"{self._folder} has {counted[label]:,} contracts {label}, and its positions count "
                    f"{tallied[label]:,}: they are not of one moment"
                )


class _Chains:
    """The chain of each partition's history."""

    def __init__(self, positions: Mapping[int, Position]) -> None:
        self._walks = {
            number: Walk(position.chain, {})
            for number, position in positions.items()
            if position.chain is not None
        }
        self._starts = {n: p.chain.start for n, p in positions.items() if p.chain is not None}

    def step(self, file: File, documents: list[bytes], files: Files) -> None:
        number = -1 if file.partition is None else file.partition
        if (walk := self._walks.get(number)) is None:
            return
        start = self._starts[number]
        for document in documents:
            if start and offset_of(document) < start:
                continue
            found = walk.step(document)
            if isinstance(found, Finding):
                where = "" if found.offset is None else f" at offset {found.offset:,}"
                raise CheckpointDamaged(
                    f"{files.path(file)}: the history of partition {file.partition}{where}: {found.what}"
                )

    def end(self, folder: Path) -> None:
        for number, walk in self._walks.items():
            if found := walk.end():
                raise CheckpointDamaged(f"{folder}: the history of partition {number}: {found.what}")

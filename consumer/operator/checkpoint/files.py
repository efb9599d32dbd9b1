"""The files of a checkpoint: documents as MongoDB stores them, one after the other, compressed.

A file is named after the hash of its documents. So a file that is there already is not written again, and a
changed one is found. `zstd -dc FILE | bsondump` shows one.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

import cramjam

from consumer.errors import CheckpointDamaged
from consumer.operator.checkpoint.manifest import PART, File, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

FOLDER: Final = "files"
SUFFIX: Final = ".bson.zst"
LEVEL: Final = 1
"""Higher levels take longer, for a few percent."""

MAX_DOCUMENTS: Final = 20_000
MAX_BYTES: Final = 32 << 20
"""Of the documents of a file: its parts are in memory."""


class Files:
    """The files in a checkpoint's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / FOLDER
        self.reused = 0
        """Number of files that were there already."""

    def write(
        self, collection: str, documents: Iterable[bytes], partition: int | None = None
    ) -> Iterator[File]:
        """Writes documents to as many files as needed, and says which."""
        taken, size = list[bytes](), 0
        for document in documents:
            if taken and (len(taken) == MAX_DOCUMENTS or size + len(document) > MAX_BYTES):
                yield self._write(collection, taken, partition)
                taken, size = [], 0
            taken.append(document)
            size += len(document)
        if taken:
            yield self._write(collection, taken, partition)

    def _write(self, collection: str, documents: list[bytes], partition: int | None) -> File:
        content = b"".join(documents)
        file = File(collection, len(documents), len(content), sha256(content).hexdigest(), partition)
        if self._is_there(file):
            self.reused += 1
            return file
        write_whole(self.path(file), bytes(cramjam.zstd.compress(content, level=LEVEL)))
        return file

    def _is_there(self, file: File) -> bool:
        try:
            self.read(file)
        except CheckpointDamaged:
            return False
        return True

    def read(self, file: File) -> list[bytes]:
        """The documents of a file.

        Raises:
            CheckpointDamaged: they are not those that were written.
        """
        path = self.path(file)
        try:
            content = bytes(cramjam.zstd.decompress(path.read_bytes()))
        except OSError as error:
            raise CheckpointDamaged(f"{path}: {error.strerror}") from error
        except cramjam.DecompressionError as error:
            raise CheckpointDamaged(f"{path} was changed: {error}") from error
        if sha256(content).hexdigest() != file.sha256:
            raise CheckpointDamaged(f"{path} was changed: its documents have another hash")
        documents = [*divided(content)]
        if (len(content), len(documents)) != (file.bytes, file.documents):
            raise CheckpointDamaged(
                f"{path} has {len(documents):,} documents, and the manifest says {file.documents:,}"
            )
        return documents

    def path(self, file: File) -> Path:
        """Where a file is."""
        return self.folder / (file.sha256 + SUFFIX)

    def keep(self, files: Iterable[File]) -> None:
        """Removes all other files: those of the checkpoint before, and what an interruption left."""
        kept = {self.path(file) for file in files}
        for path in self.folder.iterdir():
            if path not in kept and path.suffix in {PART, ".zst"}:
                path.unlink()


def divided(content: bytes) -> Iterator[bytes]:
    """Documents that stand one after the other; each begins with its length."""
    start = 0
    while start < len(content):
        after = start + int.from_bytes(content[start : start + 4], "little")
        if after <= start:
            return
        yield content[start:after]
        start = after

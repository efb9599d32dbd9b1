"""Kafka's loaded classes in a file (Java's class data sharing): a broker starts with half of the CPU."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from devstack.cache import cache_folder, locked
from devstack.jars import java

if TYPE_CHECKING:
    from collections.abc import Callable

    Record = Callable[[Path], None]

_tried: Final[set[Path]] = set()
"""Not every Java makes an archive: it is tried once in a process."""


def class_archive(version: str, record: Record) -> Path | None:
    """The archive of this version of Kafka for the Java that is installed; None: this Java makes none.

    Args:
        version: of Kafka.
        record: runs a broker once that writes the archive to this path. Called on first use.
    """
    path = _path(version)
    if not path.exists() and path not in _tried:
        _tried.add(path)
        _make(path, record)
    return path if path.exists() else None


def _make(path: Path, record: Record) -> None:
    with locked(path.name):
        if not path.exists():  # another process may have made it while this one waited
            partial = path.with_suffix(".partial")
            partial.unlink(missing_ok=True)
            record(partial)
            if partial.exists():
                partial.rename(path)  # whole or not at all


def _path(version: str) -> Path:
    # Java does not use an archive of another Java, and does not say so.
    program = Path(java()).resolve()
    of_java = sha256(f"{program} {program.stat().st_mtime_ns}".encode()).hexdigest()[:8]
    return cache_folder() / f"kafka-{version}-{of_java}.jsa"

"""Locks of a checkpoint's folder: one writer, or any number of readers. They end with their process."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from consumer.errors import InputRefused
from consumer.operator.checkpoint.manifest import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK: Final = ".lock"


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Two writers would write to the same spool, and each remove the files of the other.

    Raises:
        InputRefused: another process writes to the folder, or reads it.
    """
    with _locked(os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600), fcntl.LOCK_EX, folder):
        yield


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """A writer would remove the files of this checkpoint while they are read.

    Raises:
        InputRefused: another process writes to the folder.
    """
    try:
        # A copy has no lock yet. A folder without checkpoint needs none.
        opened = os.open(folder / LOCK, os.O_RDONLY | (os.O_CREAT if (folder / NAME).exists() else 0), 0o600)
    except OSError:
        yield  # nobody else can write to it here, or it is not there
        return
    with _locked(opened, fcntl.LOCK_SH, folder):
        yield


@contextmanager
def _locked(opened: int, kind: int, folder: Path) -> Iterator[None]:
    try:
        try:
            fcntl.flock(opened, kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            used = "being written to" if kind == fcntl.LOCK_SH else "being written to or read from"
            raise InputRefused(
                f"a checkpoint is {used} {folder} by another process",
                hint="wait for it, or name another folder",
            ) from error
        except OSError:
            pass  # a file system without locks
        yield
    finally:
        os.close(opened)

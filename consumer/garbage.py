"""The memory of a process: the garbage collector runs seldom, and the C library keeps one heap.

The objects of the pipeline are freed by reference counts. To search 20,000 cached contracts for cycles every
few hundred objects took a sixth of its time. But Kafka's clients leave cycles of connections, tasks and
tracebacks: 3,000 connections after three minutes of failing brokers. So they are searched for at fixed times.

glibc gives each thread a heap of its own, and the more large blocks are freed the larger the blocks that it
keeps in them. The driver of MongoDB has a thread for each transaction at work, and their messages left 10 MiB
of free memory in pieces.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
from typing import Final

COLLECT_SECONDS: Final = 60.0
"""Interval of a full search, which takes 0.1 s with the largest cache of contracts."""


MAPPED_BYTES: Final = 128 * 1024
"""Blocks from this size on, such as messages, are given back to the system when they are freed."""

_M_ARENA_MAX: Final = -8
_M_MMAP_THRESHOLD: Final = -3


def one_heap() -> None:
    """Makes all threads share glibc's first heap, without large blocks. Does nothing with another C library.

    To be called before there are threads. What the environment says of glibc's heaps stays as it is.
    """
    if any(name in os.environ for name in ("MALLOC_ARENA_MAX", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, MAPPED_BYTES)


def seldom() -> None:
    """Makes automatic searches very rare, and excludes all objects that exist now."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 50, 1_000)


async def collect_for_ever() -> None:
    """Frees cycles from time to time."""
    while True:
        await asyncio.sleep(COLLECT_SECONDS)
        gc.collect()

"""Python's garbage collector: runs seldom, and then on all objects.

The objects of the pipeline are freed by reference counts. To search 20,000 cached contracts for cycles every
few hundred objects took a sixth of its time. But Kafka's clients leave cycles of connections, tasks and
tracebacks: 3,000 connections after three minutes of failing brokers. So they are searched for at fixed times.
"""

from __future__ import annotations

import asyncio
import gc
from typing import Final

COLLECT_SECONDS: Final = 60.0
"""Interval of a full search, which takes 0.1 s with the largest cache of contracts."""


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

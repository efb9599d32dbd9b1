"""When Python looks for cycles: seldom, and then for all of them.

What the pipeline makes is freed by its counts. Looking for cycles among 20,000 cached contracts every few
hundred objects took a sixth of its time. Kafka's clients do leave cycles, of connections, tasks and
tracebacks: 3,000 connections after three minutes of failing brokers. Those must not wait until so many
objects are new that Python looks by itself.
"""

from __future__ import annotations

import asyncio
import gc
from typing import Final

COLLECT_SECONDS: Final = 60.0
"""How often all are looked for: that takes 0.1 s with the most contracts that a process remembers."""


def seldom() -> None:
    """Lets Python look by itself only when very much is new, and never at what was imported so far."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 50, 1_000)


async def collect_for_ever() -> None:
    """Frees now and then what only the collector can."""
    while True:
        await asyncio.sleep(COLLECT_SECONDS)
        gc.collect()

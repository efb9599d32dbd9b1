"""Deadlines in the time that a test's event loop has had.

A clock on the wall goes on while the machine stands still, or gives its cores to others. A tick of the loop
does not: then the call that is waited for has not run, either.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")

TICK_SECONDS = 0.02


async def ends_within(call: Coroutine[Any, Any, T], seconds: float) -> T:
    """Its result, or what it raises.

    Raises:
        AssertionError: the loop has ticked for so long, and it has not ended. It is cancelled.
    """
    task = asyncio.ensure_future(call)
    for _ in range(round(seconds / TICK_SECONDS)):
        if task.done():
            break
        await asyncio.sleep(TICK_SECONDS)
    ended = task.done()
    task.cancel()
    if not ended:
        with suppress(asyncio.CancelledError):
            await task
    assert ended, f"not within {seconds:g} s"
    return task.result()

import asyncio
import gc
import weakref
from contextlib import suppress

import pytest

from consumer import garbage


class Link:
    def __init__(self):
        self.itself = self


@pytest.fixture
def asleep():
    """Python's own looking for cycles is off."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("asleep")
async def test_cycles_are_freed_though_python_does_not_look(monkeypatch):
    monkeypatch.setattr(garbage, "COLLECT_SECONDS", 0.001)
    freed = asyncio.Event()
    weakref.finalize(Link(), freed.set)
    collecting = asyncio.create_task(garbage.collect_for_ever())
    async with asyncio.timeout(10):
        await freed.wait()
    collecting.cancel()
    with suppress(asyncio.CancelledError):
        await collecting

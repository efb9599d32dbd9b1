import asyncio
import gc
import os
import re
import subprocess
import sys
import tempfile
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


PROGRAM = """
import ctypes, sys, threading
from consumer import garbage
if "one_heap" in sys.argv:
    garbage.one_heap()
together, kept = threading.Barrier(4), []
def hold():
    together.wait()
    kept.extend(bytes(4_000) for _ in range(1_000))
    together.wait()
threads = [threading.Thread(target=hold) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
freed = bytes(8 << 20)
del freed
message = bytes(1 << 20)
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
libc.fclose.argtypes = [ctypes.c_void_p]
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
file = libc.fopen(sys.argv[1].encode(), b"w")
libc.malloc_info(0, file)
libc.fclose(file)
"""
"""Four threads hold memory at the same time; a message is made after a larger one was freed."""


def told_by_glibc(*arguments, **given):
    """How many heaps the program has, and how many blocks outside of them."""
    with tempfile.NamedTemporaryFile("r") as told:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
        command = [sys.executable, "-c", PROGRAM, told.name, *arguments]
        subprocess.run(command, check=True, timeout=60, env=environment | given)
        text = told.read()
    return text.count("<heap "), int(re.findall(r'type="mmap" count="(\d+)"', text)[-1])


def test_all_threads_share_one_heap_without_large_blocks():
    heaps, large = told_by_glibc()
    assert heaps > 1
    assert told_by_glibc("one_heap") == (1, large + 1)


def test_what_the_environment_says_of_heaps_stays():
    assert told_by_glibc("one_heap", MALLOC_ARENA_MAX="2")[0] == 2

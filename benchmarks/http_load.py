"""Sends HTTP requests at their time, whatever the answers take: a slow answer holds up none behind it."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks.contenders.base import WorkNotDone

if TYPE_CHECKING:
    from collections.abc import Sequence


async def paced(port: int, requests: Sequence[bytes], per_second: float, connections: int) -> list[float]:
    """Milliseconds from each request's time until its answer is read, waiting for a connection included.

    Args:
        port: on 127.0.0.1.
        requests: as bytes of HTTP/1.1; each must be answered with 200.
        per_second: sent evenly.
        connections: kept open.

    Raises:
        WorkNotDone: an answer is another one, or a connection ends.
    """
    waiting: asyncio.Queue[tuple[float, bytes] | None] = asyncio.Queue()
    latencies: list[float] = []

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (due := await waiting.get()) is not None:
            moment, request = due
            writer.write(request)
            await _answered(reader)
            latencies.append(1000 * (perf_counter() - moment))
        writer.close()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(connections):
            tasks.create_task(connection())
        began = perf_counter()
        for number, request in enumerate(requests):
            moment = began + number / per_second
            if (wait := moment - perf_counter()) > 0:
                await asyncio.sleep(wait)
            waiting.put_nowait((moment, request))
        for _ in range(connections):
            waiting.put_nowait(None)
    return latencies


async def _answered(reader: asyncio.StreamReader) -> None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise WorkNotDone(f"answered with {head.splitlines()[0].decode('latin-1')}")
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length))
    except asyncio.IncompleteReadError:
        raise WorkNotDone("the connection was closed") from None

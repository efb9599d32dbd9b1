"""The load generator of the benchmark of reads: it sends at its time, and takes no answer but a 200."""

import asyncio

import pytest

from benchmarks.contenders.base import WorkNotDone
from benchmarks.http_load import paced

REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


async def asked(status: str, *, first_seconds: float = 0, count: int = 20) -> list[float]:
    """Latencies of a server whose first answer takes its time."""
    answered = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        while await reader.readline() == b"GET / HTTP/1.1\r\n":
            await reader.readuntil(b"\r\n\r\n")
            answered += 1
            await asyncio.sleep(first_seconds if answered == 1 else 0)
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok".encode())
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        return await paced(server.sockets[0].getsockname()[1], [REQUEST] * count, 200, 2)


async def test_a_slow_answer_does_not_hold_up_those_behind_it() -> None:
    latencies = await asked("200 OK", first_seconds=0.3)
    assert len(latencies) == 20
    assert max(latencies) >= 300
    assert sorted(latencies)[10] < 300


async def test_what_waits_for_a_connection_counts() -> None:
    """One slow answer on the only free connection: the time until the request is sent is part of it."""
    latencies = await asked("200 OK", count=1, first_seconds=0.05)
    assert latencies[0] >= 50


async def test_another_answer_is_no_figure() -> None:
    with pytest.raises(ExceptionGroup) as raised:
        await asked("429 Too Many Requests")
    assert isinstance(raised.value.exceptions[0], WorkNotDone)

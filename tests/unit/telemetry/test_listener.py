"""Connections that send nothing, too slowly, or too often."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx
import pytest

from consumer.telemetry import http
from consumer.telemetry.health import Health
from consumer.telemetry.http import HttpServer, http_app
from consumer.telemetry.metrics import Metrics

REQUEST = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@asynccontextmanager
async def listening(most: int | None = None) -> AsyncIterator[HttpServer]:
    server = HttpServer(http_app(Metrics(), Health()), "127.0.0.1", 0, most=most)
    task = asyncio.create_task(server.serve())
    yield server
    server.stop()
    await asyncio.wait_for(task, 10)


async def connected(server: HttpServer) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(server.url)
    return await asyncio.open_connection(parts.hostname, parts.port)


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\n", REQUEST + b"GET / HTTP/1.1\r\nHost:"])
async def test_a_head_that_does_not_come_ends_the_connection(
    monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    """However slowly its bytes drip, and after a request that was answered, too."""
    monkeypatch.setattr(http, "HEAD_SECONDS", 0.3)
    async with listening() as server:
        reader, writer = await connected(server)
        dripping = asyncio.create_task(drip(writer, sent))
        async with asyncio.timeout(10):
            answered = await reader.read()
        dripping.cancel()
        writer.close()
    assert answered.count(b"200 OK") == sent.count(REQUEST)


async def drip(writer: asyncio.StreamWriter, sent: bytes) -> None:
    writer.write(sent)
    while sent:
        await asyncio.sleep(0.05)
        writer.write(b"X")


async def test_a_body_may_come_later_than_a_head(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "HEAD_SECONDS", 0.1)
    async with listening() as server:
        reader, writer = await connected(server)
        head = REQUEST.replace(b"\r\n\r\n", b"\r\nContent-Length: 1\r\n\r\n")
        writer.write(head)
        assert b"200 OK" in await reader.readuntil(b"}")
        await asyncio.sleep(0.3)
        writer.write(b"x" + REQUEST)
        assert b"200 OK" in await reader.readuntil(b"}")
        writer.close()


async def test_more_connections_than_allowed_are_refused() -> None:
    async with listening(most=3) as server, httpx.AsyncClient(base_url=server.url) as client:
        idle = [await connected(server) for _ in range(3)]
        assert (await client.get("/healthz")).status_code == 503
        for _, writer in idle:
            writer.close()
            await writer.wait_closed()
        async with asyncio.timeout(10):
            while (await client.get("/healthz")).status_code != 200:  # noqa: ASYNC110 - only asking tells
                await asyncio.sleep(0.05)

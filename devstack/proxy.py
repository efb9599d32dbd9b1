"""A TCP proxy that can fail the way networks do: refuse, drop, stop answering, slow down."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

from devstack.ports import reserve_port

CHUNK_BYTES = 64 * 1024
# Chunks waiting out a delay, per direction of a connection; then the sender is held back as by a full socket.
WAITING_CHUNKS = 256


class Proxy:
    """Forwards a loopback port to another one, from a thread of its own.

    A client that learns addresses from the server leaves the proxy: give ApacheKafka its port as
    `advertised_port`, and MongoDB clients a URI with `directConnection=true`.
    """

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self._reserved = reserve_port()
        self.port = self._reserved.number
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="devstack-proxy", daemon=True)
        self._listener: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()
        self._delay = 0.0
        self._requests = asyncio.Event()
        self._replies = asyncio.Event()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def connections(self) -> int:
        """Number of connections from clients."""
        return len(self._links)

    def start(self) -> Self:
        """Listen and forward."""
        self._thread.start()
        self.heal()
        return self

    def cut(self) -> None:
        """Drop all connections with a reset and refuse new ones. What was held back is lost."""
        self._run(self._cut())

    def stall(self, *, replies_only: bool = False) -> None:
        """Keep and accept connections, and forward nothing.

        With `replies_only` requests still arrive and only their answers are held back: followed by `cut`, the
        client cannot know whether its last request was carried out.
        """
        self._run(self._hold(replies_only=replies_only))

    def delay(self, seconds: float) -> None:
        """Deliver everything so much later, in each direction, in order."""
        self._delay = seconds

    def heal(self) -> None:
        """Forward normally again; what a stall held back is delivered."""
        self._delay = 0.0
        self._run(self._heal())

    def close(self) -> None:
        """Drop everything and give the port back."""
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._reserved.release()

    def _run(self, act: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(act, self._loop).result()

    async def _hold(self, *, replies_only: bool) -> None:
        self._replies.clear()
        if not replies_only:
            self._requests.clear()

    async def _heal(self) -> None:
        self._requests.set()
        self._replies.set()
        if self._listener is None:
            self._listener = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _cut(self) -> None:
        if self._listener:
            self._listener.close()
            self._listener = None
        links = list(self._links)
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = asyncio.current_task()
        assert link  # noqa: S101  # for the type checker: a coroutine that runs has a task
        self._links.add(link)
        try:
            await self._forward(reader, writer)
            writer.close()
        except asyncio.CancelledError:  # by a cut
            _reset(writer)
        finally:
            self._links.discard(link)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:  # the server is down: so is this connection
            return
        pumps = [
            asyncio.create_task(self._pump(reader, far_writer, self._requests)),
            asyncio.create_task(self._pump(far_reader, writer, self._replies)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            far_writer.close()
        except asyncio.CancelledError:
            _reset(far_writer)
            raise
        finally:
            for pump in pumps:
                pump.cancel()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event
    ) -> None:
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(WAITING_CHUNKS)
        sender = asyncio.create_task(self._send(waiting, writer, gate))
        try:
            with contextlib.suppress(OSError):
                while chunk := await reader.read(CHUNK_BYTES):
                    await waiting.put((self._loop.time() + self._delay, chunk))
            await waiting.join()
        finally:
            sender.cancel()

    async def _send(
        self, waiting: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter, gate: asyncio.Event
    ) -> None:
        while True:
            due, chunk = await waiting.get()
            await asyncio.sleep(due - self._loop.time())
            await gate.wait()
            with contextlib.suppress(OSError):  # the pump of the other direction sees the lost connection too
                writer.write(chunk)
                await writer.drain()
            waiting.task_done()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close at once; with a lingering time of zero the other side gets a reset, not an orderly end."""
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
    writer.transport.abort()

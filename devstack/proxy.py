"""A TCP proxy that can fail the way networks do: refuse, drop, stop answering, slow down."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Self

from devstack.forwarding import Conditions, forward, reset
from devstack.ports import reserve_port
from devstack.startable import Startable


class Proxy(Startable):
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
        self._conditions = Conditions()

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
        self._conditions.delay = seconds

    def heal(self) -> None:
        """Forward normally again; what a stall held back is delivered."""
        self._conditions.delay = 0.0
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
        self._conditions.replies.clear()
        if not replies_only:
            self._conditions.requests.clear()

    async def _heal(self) -> None:
        self._conditions.requests.set()
        self._conditions.replies.set()
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
            await forward(reader, writer, self.target_port, self._conditions)
            writer.close()
        except asyncio.CancelledError:  # by a cut
            reset(writer)
        finally:
            self._links.discard(link)

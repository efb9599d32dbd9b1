"""Connections of aiokafka's client to the simulated brokers: everything above them is the real code."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest
from aiokafka import client as aiokafka_client
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.conn import CloseReason
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.fetch import FetchRequest_v4
from aiokafka.protocol.transaction import EndTxnRequest_v0

from consumer.kafka import fetcher, whereabouts
from tests.simulation.calls import READ, WRITE
from tests.simulation.wire.cluster import READS, VERSIONS, Cluster
from tests.simulation.wire.coordinators import NODES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.simulation.calls import Caller

_MOVE_SHARE: Final = 0.02
"""Of requests: a leader or a coordinator has moved when they arrive."""

_BREAK_SHARE: Final = 0.06
"""Of requests that change something: the connection breaks when they are sent."""

_callers: Final[dict[str, Caller]] = {}
"""The processes of a schedule, by the id of their clients."""


class Connection:
    """To one broker. Where an answer is lost it is broken, as a real one."""

    def __init__(self, caller: Caller, node: int, on_close: Callable[[Any, Any], None] | None) -> None:
        self._caller = caller
        self._node = node
        self._on_close = on_close
        self._open = True

    def connected(self) -> bool:
        """Whether it can be used."""
        return self._open

    def close(self, reason: CloseReason | None = None, exc: Any = None) -> asyncio.Future[None]:
        """Ends it; done when it is closed."""
        closed = asyncio.get_running_loop().create_future()
        closed.set_result(None)
        if self._open:
            self._open = False
            if self._on_close is not None:
                self._on_close(self, reason)
        return closed

    async def send(self, request: Any, expect_response: bool = True) -> Any:  # noqa: FBT002 - as aiokafka's
        """The broker's answer.

        Raises:
            KafkaConnectionError: it is not known whether the broker has done what it was asked for.
        """
        asked = request.prepare(VERSIONS)
        name = f"{type(request).__name__} to {self._node}"
        kinds = READ if isinstance(asked, READS) else WRITE
        if isinstance(asked, FetchRequest_v4):
            await self._wait(asked)
        try:
            if kinds is WRITE:
                self._perhaps_break(name, asked)
            return await self._caller.call(name, lambda: self._answer(asked), KafkaConnectionError, kinds)
        except KafkaConnectionError:
            self.close(CloseReason.CONNECTION_BROKEN)
            raise

    def _perhaps_break(self, name: str, asked: Any) -> None:
        """What was sent is on its way, and arrives while or after it is sent again."""
        world = self._caller.world
        if not world.chaos.calm and world.chaos.chance(_BREAK_SHARE):
            if isinstance(asked, EndTxnRequest_v0) and world.chaos.chance(0.5):
                cluster: Any = world.broker
                cluster.coordinators.later(asked.transactional_id, lambda: self._answer(asked))
            else:
                world.later(f"{self._caller.name}'s {name}", lambda: self._answer(asked))
            raise KafkaConnectionError("broken")

    def _answer(self, asked: Any) -> Any:
        world = self._caller.world
        cluster: Any = world.broker
        if not world.chaos.calm and world.chaos.chance(_MOVE_SHARE):
            cluster.move()
        return cluster.answer(self._node, asked)

    async def _wait(self, asked: FetchRequest_v4) -> None:
        """A broker waits until there is something to read, as long as it was told."""
        cluster: Any = self._caller.world.broker
        assert isinstance(cluster, Cluster)
        loop = asyncio.get_running_loop()
        until = loop.time() + asked.max_wait_time / 1000
        while not cluster.readable(self._node, asked) and loop.time() < until:
            news = [cluster.news(topic) for topic, _ in asked.topics]
            await asyncio.wait(news, timeout=until - loop.time(), return_when=asyncio.FIRST_COMPLETED)


def make_client(caller: Caller) -> AIOKafkaClient:
    """A client of this process."""
    _callers[caller.name] = caller
    return AIOKafkaClient(bootstrap_servers="node-1:9092", client_id=caller.name)


async def _connect(host: str, port: int, *, client_id: str, on_close: Any = None, **_: Any) -> Connection:
    caller = _callers[client_id]
    await caller.call(f"connect to {host}", lambda: None, KafkaConnectionError, READ)
    return Connection(caller, int(host.removeprefix("node-")), on_close)


@contextmanager
def connected() -> Iterator[None]:
    """In the block, clients connect to the simulated brokers, and their clock is that of the loop."""

    def now() -> float:
        return asyncio.get_running_loop().time()

    brokers = ClusterMetadata.brokers
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aiokafka_client, "create_conn", _connect)
        patch.setattr(fetcher, "monotonic", now)
        patch.setattr(whereabouts, "monotonic", now)
        # In the order of their numbers: that of a set of texts is another one in each process.
        patch.setattr(ClusterMetadata, "brokers", lambda self: sorted(brokers(self), key=_number))
        try:
            yield
        finally:
            _callers.clear()


def _number(broker: Any) -> int:
    return NODES.index(broker.nodeId) if broker.nodeId in NODES else -1

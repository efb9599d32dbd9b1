"""A world in virtual time: the servers, the group and its processes, and what hits them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from consumer.errors import ContractsError
from tests.simulation.broker import Broker
from tests.simulation.calls import Caller
from tests.simulation.chaos import Chaos
from tests.simulation.checker import Progress, Violation
from tests.simulation.clients import SimulatedFetcher, SimulatedJournal
from tests.simulation.clock import VirtualLoop
from tests.simulation.group import Group, Process
from tests.simulation.publisher import SimulatedPublisher
from tests.simulation.quiet import OnceDecoder
from tests.simulation.store import Database
from tests.simulation.transactions import EpochEnded
from tests.unit.engine.logs import TOPIC

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


class Outage(NamedTuple):
    """A server is away. Calls to it fail with these errors after so many seconds."""

    errors: tuple[type[Exception], ...]
    patience: float


class World:
    """Everything of one schedule."""

    def __init__(self, chaos: Chaos, *, traced: bool = False) -> None:
        self.chaos = chaos
        self.progress = Progress()
        self.broker = Broker(self.chaos, self._committed)
        self.decoder = OnceDecoder(self.chaos.sizes.partitions)
        self.database = Database(self.chaos.sizes.partitions)
        self._traced = traced
        self.outage: Outage | None = None
        self.late = 0
        """Requests on their way whose clients have given them up."""
        self.violations: list[BaseException] = []
        self.group = Group(self)

    def clients(self, caller: Caller, worker: str) -> tuple[Any, Any, Any]:
        """The connections of a new worker: to the commands, for its transactions, to the journal."""
        return SimulatedFetcher(caller, TOPIC), SimulatedPublisher(caller, worker), SimulatedJournal(caller)

    def blow(self, kind: str, caller: Caller) -> None:
        """Something that hits a process, the group or the database."""
        assert isinstance(caller, Process)
        if kind == "kill":
            self.group.kill(caller)
        elif kind == "pause":
            self.group.pause(caller, self.chaos.seconds())
        elif kind == "restore":
            self.database.restore(self.chaos.random.choice)
        else:
            self.group.assign()

    def later(self, what: str, effect: Callable[[], Any]) -> None:
        """A request that arrives after its client has given it up."""
        self.late += 1

        def arrive() -> None:
            self.late -= 1
            self.trace("late", what)
            with suppress(ContractsError, EpochEnded):
                effect()

        asyncio.get_running_loop().call_later(self.lateness(), arrive)

    def lateness(self) -> float:
        """Seconds until a late request arrives."""
        return self.chaos.seconds() / 2

    def _committed(self, log: Any, entries: list[Any]) -> None:
        if self._traced and log.topic != TOPIC:
            self.trace(
                "committed",
                f"{log.topic}/{log.partition}",
                [getattr(e, "value", None) or getattr(e, "records", 0) for e in entries],
            )
        try:
            self.progress.committed(log, entries)
        except Violation as violation:
            self.violations.append(violation)

    def trace(self, *what: Any) -> None:
        """Prints what happens, where it is asked for."""
        if self._traced:
            print(f"{asyncio.get_running_loop().time():9.4f}", *what)  # noqa: T201


def in_virtual_time(work: Callable[[Caller], Awaitable[T]]) -> T:
    """What this makes of a calm world, as one process in it."""

    async def calm() -> T:
        return await work(Caller(World(Chaos.none()), "process"))

    loop = VirtualLoop()
    try:
        return loop.run_until_complete(calm())
    finally:
        loop.close()

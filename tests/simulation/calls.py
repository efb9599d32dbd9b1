"""One process's way to the world: every call to Kafka or MongoDB goes through `Caller.call`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeVar

from consumer.errors import BrokerUnavailable, OutcomeUnknown, PublishInDoubt, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.world import World

T = TypeVar("T")

_BLOWS: Final = frozenset({"slow", "pause", "kill", "restore", "move"})
READ: Final = _BLOWS | {"away"}
WRITE: Final = READ | {"lost", "late"}
STORE: Final = (StoreUnavailable, OutcomeUnknown)
BROKER: Final = (BrokerUnavailable, PublishInDoubt)
"""The errors of calls to each server."""
_LATE_SHARE: Final = 0.5


class Killed(asyncio.CancelledError):
    """The process is gone: none of its code goes on."""


class Caller:
    """A process as the world sees it."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.dead = False
        self._resumed: asyncio.Future[None] | None = None

    @property
    def paused(self) -> bool:
        """Whether everything it does stands still."""
        return self._resumed is not None

    def pause(self) -> None:
        """It stands still."""
        if self._resumed is None and not self.dead:
            self._resumed = asyncio.get_running_loop().create_future()

    def go_on(self) -> None:
        """It goes on where it stood."""
        resumed, self._resumed = self._resumed, None
        if resumed is not None and not resumed.done():
            resumed.set_result(None)

    async def alive(self) -> None:
        """Waits while the process is paused.

        Raises:
            Killed: it is gone.
        """
        while self._resumed is not None:
            await asyncio.shield(self._resumed)
        if self.dead:
            raise Killed

    async def call(
        self,
        point: str,
        effect: Callable[[], T],
        error: Callable[[str], Exception],
        kinds: frozenset[str],
        *,
        late: Callable[[], Any] | None = None,
        other: Callable[[str], Exception] | None = None,
    ) -> T:
        """Has something done by the world.

        Args:
            point: its name, for the trace.
            effect: does it, at one moment.
            error: made where the outcome of the call is not to be known.
            kinds: of the faults that may happen here.
            late: does it when the caller has given it up; default: `effect`.
            other: the error of a conflict.
        """
        if self.dead:
            raise Killed
        fault, early = self._fault(point, kinds)
        try:
            await asyncio.sleep(self._latency(error))
            await self._strike(fault if early else None)
        except asyncio.CancelledError:
            if "late" in kinds and self.world.chaos.chance(_LATE_SHARE):
                self._later(point, late or effect)
            raise
        if fault == "late":
            self._later(point, late or effect)
        if (outage := self.world.outage) is not None and error in outage.errors:
            await asyncio.sleep(outage.patience)
            raise error(f"{point} has no answer: the server is away")
        if fault in {"away", "late"}:
            raise error(f"{point} has no answer: {fault}")
        if fault == "conflict" and other is not None:
            raise other(f"{point} conflicts")
        done = effect()
        self.world.trace(self.name, point)
        await self._strike(None if early else fault)
        if fault == "lost":
            raise error(f"the answer to {point} is lost")
        return done

    def _fault(self, point: str, kinds: frozenset[str]) -> tuple[str | None, bool]:
        """What goes wrong, and whether it does before the call is done."""
        fault = self.world.chaos.fault(kinds)
        if fault is None:
            return None, True
        early = self.world.chaos.chance(0.5)
        self.world.trace(self.name, point, fault, "before" if early else "after")
        return fault, early

    def _latency(self, error: Any) -> float:
        chaos = self.world.chaos
        return chaos.latency() * (chaos.sizes.store_pace if error in STORE else chaos.sizes.kafka_pace)

    async def _strike(self, fault: str | None) -> None:
        if fault == "slow":
            await asyncio.sleep(self.world.chaos.seconds())
        elif fault in _BLOWS:
            self.world.blow(fault, self)
        await self.alive()

    def _later(self, point: str, effect: Callable[[], Any]) -> None:
        """The request is on its way, and nobody waits for it any more."""
        self.world.trace(self.name, point, "is on its way")
        self.world.later(f"{self.name}'s {point}", effect)

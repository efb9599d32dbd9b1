"""Figures about all contracts, each with what it costs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from consumer.arguments import checked
from consumer.domain.dates import DAY
from consumer.domain.statuses import RUNNING
from consumer.errors import HistoryPruned, InputRefused
from consumer.storage.queries import Ending

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from consumer.storage.queries import ChangeCount, Queries, Revenue
    from schemas.types import ContractTypeName, StatusName

WINDOWS: Final = (7, 30, 60, 90)
"""Days ahead, of the statistics and of the metric `expiring`."""


@dataclass(frozen=True, slots=True)
class ExpiringWindow:
    """Running contracts whose term ends within so many days; each window holds the smaller ones."""

    within_days: int
    contracts: int
    renewing: int
    lapsing: int


@dataclass(frozen=True, slots=True)
class Retention:
    """What became of contracts in a period.

    `churn_rate`: the share of the contracts running at the start that expired or were cancelled.
    `renewal_rate`: the share of the ended terms and contracts that were renewed. None: there were none.
    What was due counts from when it was due, whenever the scanner brought it out. An early renewal counts
    when it was agreed on. Contracts run from their `start_date` on, adopted ones as well. Drafts that were
    cancelled are not counted, and deleted contracts stand apart.
    """

    start: datetime
    end: datetime
    running_at_start: int
    opened: int
    renewed: int
    expired: int
    cancelled: int
    deleted: int

    @property
    def churn_rate(self) -> float | None:
        """Those lost, of those running at the start."""
        lost = self.expired + self.cancelled
        return lost / self.running_at_start if self.running_at_start else None

    @property
    def renewal_rate(self) -> float | None:
        """Those renewed, of those whose term or contract ended."""
        ended = self.renewed + self.expired + self.cancelled
        return self.renewed / ended if ended else None


@checked
class ContractStatistics:
    """Figures from MongoDB. Every method may raise ServiceUnavailable.

    Args:
        queries: questions to the database.
        history_days: how long history entries stay whole; None: forever.
        clock: aware UTC.
    """

    def __init__(
        self,
        queries: Queries,
        *,
        history_days: int | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._queries = queries
        self._history_days = history_days
        self._clock = clock

    async def counts(self) -> dict[tuple[ContractTypeName, StatusName], int]:
        """Contracts by type and status: kept with the contracts themselves, so asking costs nothing."""
        return await self._queries.tallies()

    async def monthly_revenue(self) -> list[Revenue]:
        """Monthly recurring revenue by type and currency: fees and active add-ons of what runs now.

        Reads every running contract.
        """
        return await self._queries.revenue(self._clock())

    async def expiring(self, windows: Sequence[int] = WINDOWS) -> list[ExpiringWindow]:
        """How many contracts end within each window, and how many of them would lapse.

        Reads the contracts of the largest window.
        """
        counted = await self._queries.ending_counts(self._clock(), sorted(set(windows)))
        found = []
        for days in sorted(set(windows)):
            inside = [each for each in counted if each.window_days <= days]
            lapsing = sum(each.contracts for each in inside if each.lapses)
            total = sum(each.contracts for each in inside)
            found.append(ExpiringWindow(days, total, total - lapsing, lapsing))
        return found

    async def expiring_counts(self, windows: Sequence[int] = WINDOWS) -> dict[int, int]:
        """How many contracts end within each window, counted in an index without reading them."""
        now = self._clock()
        counts: dict[int, int] = {}
        total, reached = 0, now
        for days in sorted(set(windows)):
            until = now + days * DAY
            total += await self._queries.count_ending(Ending(reached, until))
            counts[days], reached = total, until
        return counts

    async def retention(self, start: datetime, end: datetime) -> Retention:
        """Churn and renewals from `start` until before `end`, from the history.

        Reads the history since `start`: without a retention setting, which brings an index on its time,
        all of it.

        Raises:
            InputRefused: the period has no length, or has not begun.
            HistoryPruned: it began before what the history still tells.
        """
        now, kept = self._clock(), self._history_days
        if not start < end or start > now:
            raise InputRefused("a period ends after its start, and has begun")
        if kept is not None and start < now - kept * DAY:
            raise HistoryPruned(f"the history tells of the last {kept} days only")
        times = _times(await self._queries.change_counts(start, end))
        return Retention(
            start=start,
            end=end,
            running_at_start=await self._queries.running_at(start),
            opened=times["created"] + times["adopted"],
            renewed=times["renewed"],
            expired=times["expired"],
            cancelled=times["cancelled"],
            deleted=times["deleted"],
        )


def _times(counted: Sequence[ChangeCount]) -> Counter[str]:
    times: Counter[str] = Counter()
    for each in counted:
        if each.change != "cancelled" or each.status_before in RUNNING:
            times[each.change] += each.times
    return times

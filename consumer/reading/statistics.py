"""Figures about all contracts. Each docstring says what is read for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from consumer.arguments import check, checked
from consumer.domain.dates import DAY
from consumer.domain.statuses import RUNNING
from consumer.errors import HistoryPruned, InputRefused
from consumer.reading.movements import waterfalls
from consumer.storage.queries import Ending

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from consumer.reading.movements import Waterfall
    from consumer.storage.queries import ChangeCount, MonthEnding, Queries, Revenue
    from schemas.types import ContractTypeName, StatusName

_MOST_DAYS: Final = 36_500
"""A hundred years."""

WINDOWS: Final = (7, 30, 60, 90)
"""Numbers of days ahead, in the statistics and in the metric `expiring`."""


@dataclass(frozen=True, slots=True)
class ExpiringWindow:
    """Running contracts whose term ends within a number of days; each window includes the smaller ones."""

    within_days: int
    contracts: int
    renewing: int
    lapsing: int


@dataclass(frozen=True, slots=True)
class Retention:
    """Churn and renewals in a period.

    `churn_rate`: the share of the contracts running at the start that expired or were cancelled.
    `renewal_rate`: the share of the ended terms and contracts that were renewed. None: there were none.
    What was due counts at its due time. An early renewal counts at the time of its command. Contracts run
    from their `start_date` on, also adopted ones. Drafts that were cancelled are not counted, and deleted
    contracts are counted separately.
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
        """Contracts that ended, as a share of those running at the start."""
        lost = self.expired + self.cancelled
        return lost / self.running_at_start if self.running_at_start else None

    @property
    def renewal_rate(self) -> float | None:
        """Renewals, as a share of the terms and contracts that ended."""
        ended = self.renewed + self.expired + self.cancelled
        return self.renewed / ended if ended else None


@checked
class ContractStatistics:
    """Figures from MongoDB. Every method may raise ServiceUnavailable.

    Args:
        queries: queries on the database.
        history_days: how long history entries are kept whole; None: forever.
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
        """Contracts by type and status, from the tallies that are stored with the positions."""
        return await self._queries.tallies()

    async def monthly_revenue(self) -> list[Revenue]:
        """Monthly recurring revenue by type and currency: fees and active add-ons of the running contracts.

        Reads every running contract.
        """
        return await self._queries.revenue(self._clock())

    async def movements(self, start: datetime, end: datetime, *, daily: bool = False) -> list[Waterfall]:
        """How monthly recurring revenue moved, by type and currency: from `start`'s day until before `end`'s.

        Days are those of UTC; what was due counts on the day when it was due. Opening, movements and closing
        always agree. Reads what was tallied since `start`.

        Raises:
            InputRefused: the period has no day, or has not begun.
        """
        try:
            first, after = (f"{moment.astimezone(UTC):%Y-%m-%d}" for moment in (start, end))
        except OverflowError:
            raise InputRefused("a period must be within the years 1 to 9999") from None
        if not first < after or start > self._clock():
            raise InputRefused("a period must have at least one day, and must have begun")
        return waterfalls(await self._queries.movements(first), first, after, daily=daily)

    async def recent_movements(self, days: int) -> list[Waterfall]:
        """The movements of the last days, today included."""
        now = self._clock()
        return await self.movements(now - (_checked_days(days) - 1) * DAY, now + DAY)

    async def expiring(self, windows: Sequence[int] = WINDOWS) -> list[ExpiringWindow]:
        """How many contracts end within each window, and how many of them would lapse.

        Reads the contracts of the largest window.
        """
        ordered = _ordered(windows)
        counted = await self._queries.ending_counts(self._clock(), ordered)
        found = []
        for days in ordered:
            inside = [each for each in counted if each.window_days <= days]
            lapsing = sum(each.contracts for each in inside if each.lapses)
            total = sum(each.contracts for each in inside)
            found.append(ExpiringWindow(days, total, total - lapsing, lapsing))
        return found

    async def ending_months(self, days: int) -> list[MonthEnding]:
        """Contracts that end within `days`, by month, plan and action. Reads all of them."""
        now = self._clock()
        return sorted(await self._queries.ending_months(Ending(now, now + _checked_days(days) * DAY)))

    async def expiring_counts(self, windows: Sequence[int] = WINDOWS) -> dict[int, int]:
        """The number of contracts that end within each window, counted in an index without reading them."""
        now = self._clock()
        counts: dict[int, int] = {}
        total, reached = 0, now
        for days in _ordered(windows):
            until = now + days * DAY
            total += await self._queries.count_ending(Ending(reached, until))
            counts[days], reached = total, until
        return counts

    async def retention(self, start: datetime, end: datetime) -> Retention:
        """Churn and renewals from `start` until before `end`, from the history.

        Reads the history since `start`. Without a retention setting there is no index on the time: then it
        reads the whole history.

        Raises:
            InputRefused: the period has no length, or has not begun.
            HistoryPruned: the history entries of its beginning were pruned.
        """
        now, kept = self._clock(), self._history_days
        if not start < end or start > now:
            raise InputRefused("a period must end after its start, and must have begun")
        if kept is not None and start < now - kept * DAY:
            raise HistoryPruned(f"the history has only the last {kept} days")
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


def _ordered(windows: Sequence[int]) -> list[int]:
    """Windows in days, the smallest first."""
    if isinstance(windows, str | bytes) or not isinstance(windows, Collection):
        raise InputRefused(
            "windows must be numbers of days", errors=[("/windows", "must be numbers of days")]
        )
    return sorted({_checked_days(days) for days in windows})


def _checked_days(days: int) -> int:
    check(days=days)
    if not 0 <= days <= _MOST_DAYS:
        raise InputRefused(f"the number of days must be 0 to {_MOST_DAYS}, not {days}")
    return days


def _times(counted: Sequence[ChangeCount]) -> Counter[str]:
    times: Counter[str] = Counter()
    for each in counted:
        if each.change != "cancelled" or each.status_before in RUNNING:
            times[each.change] += each.times
    return times

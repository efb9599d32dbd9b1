"""What is scheduled on a contract, in the words of a wall calendar."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime

CENTS = {"basic": 9900, "professional": 29900, "enterprise": 99900}


def month_later(start: datetime, months: int, anchor: int) -> datetime:
    """By counting months, one after the other."""
    year, month = start.year, start.month
    for _ in range(months):
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    last = calendar.monthrange(year, month)[1]
    return datetime(year, month, min(anchor, last), tzinfo=UTC)


class Changes:
    """The part of the model that makes scheduled changes."""

    changes: dict[str, tuple[datetime | int, int | None]]
    """By id: a moment or the number of a term, and the fee from then on; None: it is cancelled."""

    def _make_changes(self) -> None:
        if self.planned and self.planned[0] == self.today:
            self.plan, self.planned = self.planned[1], None
            self.cents = CENTS[self.plan]
            self._becomes(self.status, "plan_changed")
        for name in self._due():
            _, cents = self.changes.pop(name)
            if cents is None:
                self.changes, self.planned = {}, None
                self._becomes("cancelled", "cancelled")
                return
            self.cents = cents
            self._becomes(self.status, "amended")

    def _due(self) -> list[str]:
        due = [name for name in self.changes if self.begins(name) == self.today]
        return sorted(due, key=lambda name: self.changes[name][1] is None)

    def begins(self, name: str) -> datetime:
        """When a change is due, as far as the lengths of terms are known."""
        return self.begin_of(self.changes[name][0])

    def begin_of(self, when: datetime | int) -> datetime:
        if isinstance(when, datetime):
            return when
        if when <= self.term:
            return self.start
        return month_later(self.end, self.months * (when - self.term - 1), self.anchor)

    def fits(self, when: datetime, cents: int | None) -> bool:
        """Whether a change goes with those that are scheduled."""
        taken = [(self.begins(name), fee) for name, (_, fee) in self.changes.items()]
        taken += [(self.planned[0], 0)] if self.planned else []
        taken += [(self.end, None)] if self.cancelling else []
        ends = [at for at, fee in taken if fee is None]
        if any(at <= when for at in ends) or (cents is None and (ends or any(at >= when for at, _ in taken))):
            return False
        return all(at != when for at, fee in taken if fee)

    def renews(self) -> bool:
        ends = [name for name, (_, cents) in self.changes.items() if cents is None]
        return self.auto and not self.cancelling and not any(self.begins(name) <= self.end for name in ends)

    def ahead(self) -> tuple:
        """Plan and fee after the next renewal."""
        steps = [(self.begins(name), 1, self.plan, fee) for name, (_, fee) in self.changes.items() if fee]
        if self.planned:
            steps.append((self.planned[0], 0, self.planned[1], CENTS[self.planned[1]]))
        plan, cents = self.plan, self.cents
        for at, amended, name, fee in sorted(steps):
            if at <= self.end:
                plan, cents = plan if amended else name, fee
        return plan, self._raised(cents) if self._rises() else cents

    def agreed(self) -> tuple | None:
        """The same, if something is agreed on for it that is noticed again."""
        amended = any(fee and self.begins(name) <= self.end for name, (_, fee) in self.changes.items())
        return self.ahead() if amended or self._rises() else None

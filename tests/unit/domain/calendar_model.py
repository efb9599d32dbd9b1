"""The rules of a contract in the words of a wall calendar: each half day is looked at, none ahead."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.unit.domain.calendar_changes import CENTS, Changes, month_later

DAY = timedelta(days=1)
HALF_DAY = DAY / 2
RUNNING = {"active", "pending_renewal"}
WINDOWS = [60, 30, 14, 7, 1]


class Model(Changes):
    """The rules of one contract, in the words of a wall calendar."""

    def __init__(self, today: datetime, months: int, window: int, auto: bool) -> None:
        self.today, self.months, self.window, self.auto = today, months, window, auto
        self.status, self.plan, self.cancelling = "active", "basic", False
        self.planned: tuple[datetime, str] | None = None
        self.start, self.term, self.anchor = today, 1, today.day
        self.end = month_later(today, months, self.anchor)
        self.version = 1
        self.cents, self.uplift, self.from_term = CENTS["basic"], 0, 0
        self.changes = {}
        self.offers: dict[str, tuple[datetime, int]] = {}
        self.noticed: set[int] = set()
        self.told: tuple | None = None
        self.diary: list[tuple] = []

    def sleep(self) -> None:
        self.today += HALF_DAY
        self.look()

    def look(self) -> None:
        """What is due by now. Everything falls on a noon or a midnight, so nothing is passed over."""
        if self.status not in RUNNING:
            return
        left, half = self.end - self.today, (self.end - self.start) / 2
        window = min(self.window * DAY, half)
        reached = {each for each in WINDOWS if left <= each * DAY <= half}
        if reached and min(reached) * DAY >= window:
            self._notice(reached)
        if self.status == "active" and left <= window:
            self._becomes("pending_renewal", "renewal_started")
        self._notice(reached)
        ends = self.today == self.end
        if not (ends and not self.renews()):
            self._make_changes()
        if self.status not in RUNNING:
            return
        if self.uplift and self.from_term <= self.term and self.today == self.start:
            self._rise()
            self._becomes(self.status, "amended")
        for name in sorted(self.offers, key=lambda name: self.offers[name][0]):
            if self.offers[name][0] == self.today:
                del self.offers[name]
                self.did("offer_expired")
        if ends:
            self._end_term()

    def agree(self, uplift: int) -> bool:
        """Whether that is another agreement than before."""
        early = self.term > 1 and self.start > self.today
        agreed = (uplift, self.term if early else self.term + 1)
        before, (self.uplift, self.from_term) = (self.uplift, self.from_term), agreed
        return agreed != before

    def _rises(self) -> bool:
        return self.uplift > 0 and self.from_term <= self.term + 1

    def _raised(self, cents: int) -> int:
        return (cents * (100 + self.uplift) + 50) // 100

    def _rise(self) -> None:
        self.cents, self.from_term = self._raised(self.cents), self.term + 1

    def _notice(self, reached: set[int]) -> None:
        if self.today < self.end and reached and min(reached) not in self.noticed:
            self._tell(min(reached))
        self.noticed |= reached

    def _tell(self, window: int) -> None:
        self.diary.append(("notice", window, self.renews()))
        self.told = self.agreed() if self.renews() else None

    def _end_term(self) -> None:
        if self.auto and self.renews():
            self.next_term(self.end, self.months, within=True)
            self.look()
        elif self.cancelling or any(
            cents is None and self.begins(name) == self.end for name, (_, cents) in self.changes.items()
        ):
            self.cancelling, self.planned, self.changes = False, None, {}
            self._becomes("cancelled", "cancelled")
        else:
            self.changes = {name: each for name, each in self.changes.items() if each[1] is not None}
            self._becomes("expired", "expired")

    def next_term(self, start: datetime, months: int, *, within: bool) -> None:
        self.start, self.end = start, month_later(start, months, self.anchor)
        self.term += 1
        if within and self.uplift and self.from_term <= self.term:
            self._rise()
        self.noticed, self.told = set(), None
        if self.planned:
            self.planned = (start, self.planned[1])
        self._becomes("active", "renewed")

    def _becomes(self, status: str, change: str) -> None:
        self.status = status
        if status not in RUNNING:
            self.noticed, self.told, self.offers = set(), None, {}
        self.did(change)

    def obeyed(self, change: str) -> None:
        """A command did something. A notice that says something else by now is given again."""
        self.did(change)
        told, agreed = self.told, self.agreed()
        news = agreed != told and (told is None or self.ahead() != told)
        if self.noticed and self.renews() and news:
            self._tell(min(self.noticed))

    def did(self, change: str) -> None:
        self.version += 1
        self.diary.append((change, self.version))

"""The lifecycle against a model that knows no dates ahead: it walks through time by half days and looks."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from consumer.domain.model import Changed
from tests.unit.domain.story import Account

DAY = timedelta(days=1)
HALF_DAY = DAY / 2
RUNNING = {"active", "pending_renewal"}
WINDOWS = [60, 30, 14, 7, 1]


def month_later(start: datetime, months: int, anchor: int) -> datetime:
    """By counting months, one after the other."""
    year, month = start.year, start.month
    for _ in range(months):
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    last = calendar.monthrange(year, month)[1]
    return datetime(year, month, min(anchor, last), tzinfo=UTC)


class Model:
    """The rules of one contract, in the words of a wall calendar."""

    def __init__(self, today: datetime, months: int, window: int, auto: bool) -> None:
        self.today, self.months, self.window, self.auto = today, months, window, auto
        self.status, self.plan, self.cancelling = "active", "basic", False
        self.planned: tuple[datetime, str] | None = None
        self.start, self.term, self.anchor = today, 1, today.day
        self.end = month_later(today, months, self.anchor)
        self.version = 1
        self.noticed: set[int] = set()
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
        if (
            self.planned
            and self.planned[0] == self.today
            and not (ends and (self.cancelling or not self.auto))
        ):
            self.plan, self.planned = self.planned[1], None
            self._becomes(self.status, "plan_changed")
        if ends:
            self._end_term()

    def _notice(self, reached: set[int]) -> None:
        if self.today < self.end and reached and min(reached) not in self.noticed:
            self.diary.append(("notice", min(reached), self.auto and not self.cancelling))
        self.noticed |= reached

    def _end_term(self) -> None:
        if self.cancelling:
            self.cancelling, self.planned = False, None
            self._becomes("cancelled", "cancelled")
        elif self.auto:
            self.next_term(self.end, self.months)
            self.look()
        else:
            self._becomes("expired", "expired")

    def next_term(self, start: datetime, months: int) -> None:
        self.start, self.end = start, month_later(start, months, self.anchor)
        self.term += 1
        self.noticed = set()
        if self.planned:
            self.planned = (start, self.planned[1])
        self._becomes("active", "renewed")

    def _becomes(self, status: str, change: str) -> None:
        self.status = status
        self.did(change)

    def did(self, change: str) -> None:
        self.version += 1
        self.diary.append((change, self.version))


class Lifecycle(RuleBasedStateMachine):
    """Commands and sleep, on the domain and on the model."""

    @initialize(
        month=st.integers(1, 12),
        day=st.integers(1, 31),
        months=st.sampled_from([1, 2, 3, 12]),
        window=st.sampled_from([0, 5, 30]),
        auto=st.booleans(),
    )
    def begin(self, month, day, months, window, auto):
        today = datetime(2027, month, min(day, calendar.monthrange(2027, month)[1]), tzinfo=UTC)
        self.model = Model(today, months, window, auto)
        self.account = Account(today).create(
            contract_type="basic",
            term_months=months,
            renewal_window_days=window,
            auto_renewal=auto,
            notice_days=WINDOWS,
        )
        self.model.look()

    @rule(days=st.sampled_from([1, 1, 2, 7, 14, 30, 60, 400]))
    def sleep(self, days):
        for _ in range(2 * days):
            self.model.sleep()
            self.account.at(self.model.today).advance()

    @rule(auto=st.booleans())
    @precondition(lambda self: self.model.status in RUNNING)
    def set_auto_renewal(self, auto):
        self.account.update(auto_renewal=auto)
        if auto != self.model.auto:
            self.model.auto = auto
            self.model.did("updated")

    @rule(days=st.integers(1, 400))
    @precondition(lambda self: self.model.status in RUNNING)
    def move_the_end(self, days):
        end = max(self.model.start, self.model.today) + days * DAY
        self.account.update(end_date=end)
        if end != self.model.end:
            if self.model.planned and self.model.planned[0] == self.model.end:
                self.model.planned = (end, self.model.planned[1])
            self.model.end, self.model.anchor = end, end.day
            self.model.noticed = set()
            opens = end - min(self.model.window * DAY, (end - self.model.start) / 2)
            if self.model.today < opens:
                self.model.status = "active"
            self.model.did("updated")
            self.model.look()

    @rule(months=st.sampled_from([None, 1, 6]))
    def renew(self, months):
        model = self.model
        self.account.renew(**({} if months is None else {"term_months": months}))
        early = model.term > 1 and model.start > model.today
        in_grace = model.status == "expired" and model.today - model.end <= 30 * DAY
        if model.status in RUNNING and not model.cancelling and not early:
            assert self.account.applied
            model.next_term(model.end, months or model.months)
        elif in_grace:
            model.anchor = model.today.day
            model.next_term(model.today, months or model.months)
            model.look()
        else:
            assert self.account.refused == "invalid_transition"

    @rule()
    @precondition(lambda self: self.model.status in RUNNING and not self.model.cancelling)
    def schedule_cancellation(self):
        self.account.cancel(effective="end_of_term")
        self.model.cancelling = True
        self.model.did("cancellation_scheduled")

    @rule()
    @precondition(lambda self: self.model.cancelling)
    def withdraw_cancellation(self):
        self.account.send("withdraw_cancellation")
        self.model.cancelling = False
        self.model.did("cancellation_withdrawn")

    @rule(plan=st.sampled_from(["professional", "enterprise"]))
    @precondition(lambda self: self.model.status in RUNNING)
    def plan_for_the_next_term(self, plan):
        model = self.model
        self.account.change_plan(plan, effective="at_renewal")
        renewed_early = model.term > 1 and model.today < model.start
        planned = (model.start if renewed_early else model.end, plan)
        if model.planned != planned:
            model.planned = planned
            model.did("plan_change_scheduled")

    @invariant()
    def the_contract_is_as_the_model_says(self):
        model, contract = self.model, self.account.contract
        assert contract["status"] == model.status
        assert contract["contract_type"] == model.plan
        assert (contract["start_date"], contract["term_start"]) == (
            self.account.events[0].effective_at,
            model.start,
        )
        assert (contract["term_number"], contract["end_date"]) == (model.term, model.end)
        assert contract["version"] == model.version
        assert [each["kind"] for each in contract["scheduled_changes"]].count("plan_change") == bool(
            model.planned
        )

    @invariant()
    def the_events_are_as_the_model_says(self):
        assert self._seen() == self.model.diary

    def _seen(self) -> list[tuple]:
        seen = []
        for event in self.account.events[1:]:
            if isinstance(event, Changed):
                seen.append((event.change, event.version))
            elif "next_term" in event.notice:
                seen.append(
                    ("notice", event.notice["window_days"], event.notice["next_term"]["action"] == "renews")
                )
        return seen


Lifecycle.TestCase.settings = settings(max_examples=60, stateful_step_count=15, deadline=None)
TestLifecycle = Lifecycle.TestCase

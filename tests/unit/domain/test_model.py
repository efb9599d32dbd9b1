"""The lifecycle against a model that knows no dates ahead: it walks through time by half days and looks."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from consumer.domain.model import Changed
from tests.unit.domain.calendar_model import DAY, RUNNING, WINDOWS, Model
from tests.unit.domain.model_scheduling import Scheduling
from tests.unit.domain.story import Account

ANSWERED = {"accept": "offer_accepted", "decline": "offer_declined", "withdraw": "offer_withdrawn"}


class Lifecycle(Scheduling):
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
            self.model.obeyed("updated")

    @rule(days=st.integers(1, 400))
    @precondition(lambda self: self.model.status in RUNNING)
    def move_the_end(self, days):
        end = max(self.model.start, self.model.today) + days * DAY
        self.account.update(end_date=end)
        if end != self.model.end:
            _move_the_end(self.model, end)

    @rule(months=st.sampled_from([None, 1, 6]))
    def renew(self, months):
        model = self.model
        self.account.renew(**({} if months is None else {"term_months": months}))
        early = model.term > 1 and model.start > model.today
        in_grace = model.status == "expired" and model.today - model.end <= 30 * DAY
        if model.status in RUNNING and model.renews() | (not model.auto and not _ending(model)) and not early:
            assert self.account.applied
            model.next_term(model.end, months or model.months, within=False)
        elif in_grace:
            model.anchor = model.today.day
            _wait_until(model, model.today)
            first = model.planned or any(
                when in {model.today, model.term + 1} for when, _ in model.changes.values()
            )
            model.next_term(model.today, months or model.months, within=not first)
            model.look()
        else:
            assert self.account.refused == "invalid_transition"

    @rule(uplift=st.sampled_from([1, 5, 33]))
    @precondition(lambda self: self.model.status in RUNNING)
    def agree_on_an_uplift(self, uplift):
        self.account.update(renewal_terms={"uplift_percent": uplift})
        if self.model.agree(uplift):
            self.model.obeyed("updated")

    @rule(name=st.sampled_from("ab"), uplift=st.sampled_from([2, 7]), days=st.sampled_from([1, 30, 500]))
    @precondition(lambda self: self.model.status in RUNNING)
    def offer(self, name, uplift, days):
        until = self.model.today + days * DAY
        self.account.send("offer_renewal", offer_id=name, terms={"uplift_percent": uplift}, valid_until=until)
        if name not in self.model.offers:
            self.model.offers[name] = until, uplift
            self.model.obeyed("renewal_offered")

    @rule(name=st.sampled_from("ab"), answer=st.sampled_from(["accept", "accept", "decline", "withdraw"]))
    @precondition(lambda self: self.model.status in RUNNING)
    def answer(self, name, answer):
        self.account.send(f"{answer}_offer", offer_id=name)
        if name not in self.model.offers:
            assert self.account.refused == "offer_not_found"
            return
        _, uplift = self.model.offers.pop(name)
        if answer == "accept":
            self.model.agree(uplift)
        self.model.obeyed(ANSWERED[answer])

    @invariant()
    def the_contract_is_as_the_model_says(self):
        _same(self.model, self.account)

    @invariant()
    def the_events_are_as_the_model_says(self):
        assert _seen(self.account.events[1:]) == self.model.diary


def _ending(model) -> bool:
    """Whether a cancellation is scheduled that comes before the next term."""
    ends = [name for name, (_, cents) in model.changes.items() if cents is None]
    return model.cancelling or any(model.begins(name) <= model.end for name in ends)


def _wait_until(model, start) -> None:
    """What was due while the contract had expired waits for its new start."""
    for name, (when, cents) in model.changes.items():
        if not isinstance(when, int) and when < start:
            model.changes[name] = start, cents


def _move_the_end(model, end) -> None:
    """A command has given the running term another end."""
    if model.planned and model.planned[0] == model.end:
        model.planned = (end, model.planned[1])
    model.end, model.anchor = end, end.day
    model.noticed, model.told = set(), None
    if model.today < end - min(model.window * DAY, (end - model.start) / 2):
        model.status = "active"
    model.did("updated")
    model.look()


def _same(model, account) -> None:
    contract = account.contract
    assert contract["status"] == model.status
    assert contract["contract_type"] == model.plan
    assert (contract["start_date"], contract["term_start"]) == (
        account.events[0].effective_at,
        model.start,
    )
    assert (contract["term_number"], contract["end_date"]) == (model.term, model.end)
    assert contract["version"] == model.version
    assert contract["base_monthly_fee"] * 100 == model.cents
    assert [each["offer_id"] for each in contract.get("offers", [])] == [*model.offers]
    assert {each["change_id"] for each in contract["scheduled_changes"]} >= model.changes.keys()
    assert [each["kind"] for each in contract["scheduled_changes"]].count("plan_change") == bool(
        model.planned
    )


def _seen(events) -> list[tuple]:
    """What the model writes into its diary."""
    seen = []
    for event in events:
        if isinstance(event, Changed):
            seen.append((event.change, event.version))
        elif "next_term" in event.notice:
            seen.append(
                ("notice", event.notice["window_days"], event.notice["next_term"]["action"] == "renews")
            )
    return seen


Lifecycle.TestCase.settings = settings(max_examples=80, stateful_step_count=15, deadline=None)
TestLifecycle = Lifecycle.TestCase

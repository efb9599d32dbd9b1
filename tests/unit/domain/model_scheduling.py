"""Scheduled changes, on the domain and on the model."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from tests.unit.domain.calendar_model import DAY, RUNNING


class Scheduling(RuleBasedStateMachine):
    """The commands that schedule changes, and withdraw them."""

    @rule()
    @precondition(lambda self: self.model.status in RUNNING and not self.model.cancelling)
    def schedule_cancellation(self):
        self.account.cancel(effective="end_of_term")
        if any(cents is None for _, cents in self.model.changes.values()):
            assert self.account.refused == "change_conflict"
            return
        self.model.cancelling = True
        self.model.did("cancellation_scheduled")

    @rule()
    @precondition(lambda self: self.model.cancelling)
    def withdraw_cancellation(self):
        self.account.send("withdraw_cancellation")
        self.model.cancelling = False
        self.model.obeyed("cancellation_withdrawn")

    @rule(plan=st.sampled_from(["professional", "enterprise"]))
    @precondition(lambda self: self.model.status in RUNNING)
    def plan_for_the_next_term(self, plan):
        model = self.model
        self.account.change_plan(plan, effective="at_renewal")
        renewed_early = model.term > 1 and model.today < model.start
        planned = (model.start if renewed_early else model.end, plan)
        ends = [name for name, (_, cents) in model.changes.items() if cents is None]
        if any(model.begins(name) <= planned[0] for name in ends) and model.planned != planned:
            assert self.account.refused == "change_conflict"
        elif model.planned != planned:
            model.planned = planned
            model.obeyed("plan_change_scheduled")

    @rule(
        name=st.sampled_from("xyz"),
        when=st.sampled_from([1, 20, 45, 400, "renewal", "later"]),
        fee=st.sampled_from([50, 60, None]),
    )
    @precondition(lambda self: self.model.status in RUNNING)
    def schedule(self, name, when, fee):
        model = self.model
        following = model.term + (not (model.term > 1 and model.today < model.start))
        place = {"renewal": following, "later": following + 1}.get(when) or model.today + when * DAY
        asked = {"at": place} if isinstance(when, int) else {"from_term": place}
        if when == "renewal":
            asked = {"at_renewal": True}
        what = {"changes": {"base_monthly_fee": fee}} if fee else {}
        kind = "amendment" if fee else "cancellation"
        self.account.send("schedule_change", change_id=name, kind=kind, **what, **asked)
        cents = fee and fee * 100
        if model.changes.get(name) == (place, cents):
            assert self.account.told == []
        elif name in model.changes or not model.fits(model.begin_of(place), cents):
            assert self.account.refused == "change_conflict"
        else:
            model.changes[name] = place, cents
            model.obeyed("change_scheduled")

    @rule(name=st.sampled_from("xyz"))
    @precondition(lambda self: self.model.status in RUNNING)
    def withdraw(self, name):
        self.account.send("withdraw_change", change_id=name)
        if name not in self.model.changes:
            assert self.account.refused == "change_not_found"
            return
        del self.model.changes[name]
        self.model.obeyed("change_withdrawn")

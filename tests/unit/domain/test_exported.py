"""An export of ours, adopted elsewhere, is the same contract: whatever comes, the same happens to it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.domain.model import Applied, Changed
from schemas.contract import to_json
from schemas.views import exported, visible
from tests.unit.domain.logs import YEAR, Run, futures, in_time, logs, run
from tests.unit.domain.story import Account, command, instant


def adopted(contract: Any, now: Any) -> Any:
    """The contract after its way through a file and `adopt`."""
    data = orjson.loads(to_json(exported(contract)))
    del data["account_id"]
    folded = Run()
    folded.decide(now, command("adopt", data, 10_000))
    _, _, verdict = folded.verdicts[0]
    assert isinstance(verdict.outcome, Applied), verdict.outcome
    assert len(verdict.events) == 1, "nothing was due before, so nothing is now"
    return verdict.contract


def told(folded: Run) -> list[Any]:
    """All events; the changes inside one object, such as the limits, in whichever order they come."""
    return [
        (event.change, visible(event.contract), sorted(event.changed_fields), event.effective_at, event.by)
        if isinstance(event, Changed)
        else event
        for event in folded.events
    ]


@given(log=logs(), data=st.data())
@settings(max_examples=300)
def test_whatever_comes_the_same_happens(log, data):
    now = log[-1][0]
    contract = run(log, now, in_time).contract
    if contract is None:
        return
    again = adopted(contract, now)
    assert visible(again) == visible(contract)
    future = data.draw(futures(now))
    until = future[-1][0] + YEAR
    there, here = (run(future, until, in_time, contract=each) for each in (contract, again))
    assert told(here) == told(there)
    assert here.outcomes == there.outcomes


def test_a_change_for_a_later_term_keeps_its_day():
    account = Account("2026-01-31").create(contract_type="basic", term_months=1)
    account.send("schedule_change", kind="amendment", from_term=3, changes={"base_monthly_fee": 5})
    assert account["scheduled_changes"][0]["effective_at"] == instant("2026-03-31")
    assert visible(adopted(account.contract, account.now)) == visible(account.contract)


def test_the_day_of_the_month_is_kept():
    account = Account("2026-01-31").create(contract_type="basic", term_months=1, notice_days=[])
    account.contract = adopted(account.at("2026-02-10").contract, account.now)
    account.at("2026-02-28").advance()
    assert account["end_date"] == instant("2026-03-31")


def test_a_drafts_computed_end_moves_when_it_is_activated():
    draft = Account("2026-01-31").create(contract_type="basic", status="draft")
    account = Account("2026-06-30")
    account.contract = adopted(draft.contract, draft.now)
    account.activate()
    assert account["end_date"] == instant("2027-06-30")


def test_what_was_noticed_is_not_noticed_again():
    account = Account("2026-01-31").create(contract_type="basic", term_months=12, notice_days=[30])
    account.at("2027-01-05").advance()
    account.contract = adopted(account.update(notice_days=[]).contract, account.now)
    account.update(notice_days=[60])
    assert account.told == ["updated"]


def test_what_was_told_to_lapse_is_not_told_again():
    account = Account("2026-01-31").create(contract_type="basic", notice_days=[30], auto_renewal=False)
    account.at("2027-01-05").advance()
    account.contract = adopted(account.update(auto_renewal=True).contract, account.now)
    account.update(auto_renewal=False)
    assert account.told == ["updated"]


@pytest.mark.parametrize("status", ["draft", "expired"])
def test_notices_are_of_a_running_term(status):
    draft = Account("2026-01-31").create(contract_type="basic", status="draft")
    data = orjson.loads(to_json(exported(draft.contract)))
    data |= {"status": status, "start_date": "2020-01-01", "term_start": "2020-01-01"}
    data |= {"end_date": "2021-01-01", "renewal_date": "2020-12-01"}
    data["lifecycle"]["noticed"] = 7
    del data["account_id"]
    account = Account("2026-02-01").send("adopt", **data)
    assert account.mistakes.keys() == {"/lifecycle/noticed"}

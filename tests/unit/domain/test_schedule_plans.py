"""Scheduled changes beside other agreements on a renewal: the last plan counts, and the length of terms."""

from __future__ import annotations

import pytest

from consumer.domain.dates import add_months
from tests.unit.domain.story import Account, as_json, instant
from tests.unit.domain.test_schedule_change import END, account


def test_the_plan_named_last_counts_for_its_term():
    contract = account(renewal_terms={"contract_type": "professional", "uplift_percent": 10})
    contract.send("schedule_change", kind="plan_change", at_renewal=True, contract_type="enterprise")
    assert as_json(contract["renewal_terms"]) == {"from_term": 2, "uplift_percent": 10}
    contract.update(renewal_terms={"contract_type": "professional"})
    assert contract["scheduled_changes"] == []


def test_an_accepted_offer_takes_the_place_of_a_plan_change_for_its_term():
    contract = account()
    plans = {"kind": "plan_change", "contract_type": "professional"}
    contract.send("schedule_change", change_id="next", at_renewal=True, **plans)
    contract.send("schedule_change", change_id="later", from_term=3, **plans)
    terms = {"contract_type": "enterprise"}
    contract.send("offer_renewal", offer_id="o", terms=terms, valid_until="2026-12-01")
    contract.send("accept_offer", offer_id="o")
    assert [each["change_id"] for each in contract["scheduled_changes"]] == ["later"]
    assert contract.at(END).advance()["contract_type"] == "enterprise"


@pytest.mark.parametrize("renewed", ["2026-06-01", END, "2027-02-10"])
def test_an_amended_length_of_terms_counts_for_the_term_that_begins_with_it(renewed):
    contract = account(auto_renewal=renewed == END)
    contract.send("schedule_change", kind="amendment", at_renewal=True, changes={"term_months": 3})
    contract.at(renewed)
    if renewed == END:
        contract.advance()
    else:
        contract.renew()
    start = max(instant(renewed), instant(END))
    assert contract["end_date"] == add_months(start, 3, start.day)
    assert contract.at(contract["end_date"]).advance()["term_months"] == 3


FEE = {"kind": "amendment", "changes": {"base_monthly_fee": 5}}
NEXT, LATER = {"at_renewal": True}, {"from_term": 3}
PLAN = {"contract_type": "enterprise"}


def agreed(by: str, contract: Account, terms: dict) -> Account:
    """Terms for the renewal, by an offer or by an update."""
    if by == "update":
        return contract.update(renewal_terms=terms)
    contract.send("offer_renewal", offer_id="larger", terms=terms, valid_until="2026-12-01")
    return contract.send("accept_offer", offer_id="larger")


@pytest.mark.parametrize("by", ["offer", "update"])
@pytest.mark.parametrize(
    ("change", "terms", "what"),
    [
        (FEE | NEXT, PLAN, "base_monthly_fee"),
        (FEE | {"at": END}, PLAN, "base_monthly_fee"),
        (FEE | NEXT, {"base_monthly_fee": 7}, "base_monthly_fee"),
        (FEE | LATER, PLAN | {"from_term": 3}, "base_monthly_fee"),
        (FEE | {"changes": {"term_months": 3}} | NEXT, {"term_months": 6}, "term_months"),
        (
            FEE | {"changes": {"usage_limits": {"max_monthly_trades": 5}}} | NEXT,
            PLAN,
            "usage_limits",
        ),
        (
            FEE | {"changes": {"sla_terms": {"uptime_guarantee": 99}}} | NEXT,
            PLAN | {"overrides": {"sla_terms": {"uptime_guarantee": 90}}},
            "sla_terms.uptime_guarantee",
        ),
    ],
)
def test_terms_of_a_renewal_replace_no_amendment_silently(by, change, terms, what):
    contract = account().send("schedule_change", change_id="better", **change)
    before = contract.contract
    agreed(by, contract, terms)
    named = "larger" if by == "offer" else "renewal_terms"
    assert contract.refused == "change_conflict"
    at = "2028-01-31" if "from_term" in change else END
    message = f"{named} would set {what} at {at}T00:00:00Z, as better does"
    assert contract.verdict.outcome.message == message
    assert contract["scheduled_changes"] == before["scheduled_changes"]
    assert "renewal_terms" not in contract.contract
    contract.send("withdraw_change", change_id="better")
    assert agreed(by, contract, terms).told[-1] in {"offer_accepted", "updated"}
    contract.send("schedule_change", change_id="better", **change)
    assert contract.refused == "change_conflict"
    assert (
        contract.verdict.outcome.message
        == f"better would set {what} at {at}T00:00:00Z, as renewal_terms does"
    )


@pytest.mark.parametrize(
    ("change", "terms"),
    [
        (FEE | NEXT, {"uplift_percent": 10}),
        (FEE | LATER, PLAN),
        (FEE | {"at": "2026-06-01"}, PLAN),
        (FEE | NEXT, {"contract_type": "basic", "term_months": 6}),
        (FEE | {"changes": {"sla_terms": {"uptime_guarantee": 99}}} | NEXT, PLAN),
    ],
)
@pytest.mark.parametrize("by", ["offer", "update"])
def test_terms_that_set_something_else_go_with_an_amendment(by, change, terms):
    contract = account().send("schedule_change", change_id="better", **change)
    assert agreed(by, contract, terms).applied
    assert account(renewal_terms=terms).send("schedule_change", **change).applied


def test_an_offer_that_is_accepted_now_goes_with_an_amendment_of_later():
    contract = account().send("schedule_change", change_id="better", **FEE | NEXT)
    contract.send("offer_renewal", offer_id="larger", terms=PLAN, valid_until="2026-12-01")
    assert contract.send("accept_offer", offer_id="larger", effective="immediately").applied
    assert as_json(contract.at(END).advance()["base_monthly_fee"]) == 5


def test_phases_of_a_new_contract_and_its_renewal_terms_are_compared_too():
    assert account(renewal_terms=PLAN, phases=[FEE | NEXT]).refused == "change_conflict"
    assert account(renewal_terms=PLAN, phases=[FEE | LATER]).applied


def test_an_update_that_moves_the_end_compares_the_amendment_at_its_new_time():
    contract = account().send("schedule_change", change_id="better", **FEE | NEXT)
    contract.update(end_date="2026-12-01", renewal_terms=PLAN)
    assert contract.refused == "change_conflict"

"""`change_plan`: another template, now or with the next term; and `withdraw_plan_change`."""

from __future__ import annotations

import pytest

from consumer.domain.model import Unchanged
from tests.unit.domain.story import Account, instant

START, END = "2026-01-31", "2027-01-31"


@pytest.fixture
def account() -> Account:
    return Account(START).create(
        contract_type="basic",
        base_monthly_fee=80,
        usage_limits={"max_concurrent_trades": 3, "max_monthly_trades": 5},
        features=["own"],
        sla_terms={"uptime_guarantee": 99.5},
    )


def test_fee_features_and_templated_limits_are_replaced(account):
    account.at("2026-03-01").change_plan("enterprise")
    assert account.told == ["plan_changed"]
    assert account["contract_type"] == "enterprise"
    assert account["base_monthly_fee"] == 999
    assert "white_label" in account["features"]
    assert account["usage_limits"]["max_monthly_trades"] == 100_000
    assert account["usage_limits"]["max_concurrent_trades"] == 3, "no template has it"
    assert account["sla_terms"] == {"uptime_guarantee": 99.5}
    assert account["end_date"] == instant(END)


def test_overrides_are_merged_on_top(account):
    overrides = {
        "base_monthly_fee": 900,
        "usage_limits": {"max_concurrent_trades": None, "max_trade_value": 5},
        "sla_terms": {"response_time_guarantee": 1.5},
    }
    account.change_plan("enterprise", overrides=overrides)
    assert account["base_monthly_fee"] == 900
    assert "max_concurrent_trades" not in account["usage_limits"]
    assert account["usage_limits"]["max_trade_value"] == 5
    assert account["sla_terms"] == {"uptime_guarantee": 99.5, "response_time_guarantee": 1.5}


@pytest.mark.parametrize("contract_type", ["basic", "custom"])
def test_to_custom_or_the_same_plan_only_overrides_count(account, contract_type):
    account.change_plan(contract_type, overrides={"features": ["new"]})
    assert account["contract_type"] == contract_type
    assert account["features"] == ["new"]
    assert account["base_monthly_fee"] == 80
    assert account["usage_limits"]["max_monthly_trades"] == 5


def test_the_same_plan_without_overrides_is_no_change(account):
    account.change_plan("basic")
    assert isinstance(account.verdict.outcome, Unchanged)


def test_overrides_follow_the_rules_of_terms(account):
    add_ons = [{"name": "a", "monthly_fee": 1}] * 2
    for effective in ("immediately", "at_renewal"):
        account.change_plan("enterprise", effective=effective, overrides={"add_ons": add_ons})
        assert account.refused == "invalid_terms"
        assert list(account.mistakes) == ["/overrides/add_ons/1/name"]


def test_a_scheduled_one_happens_when_the_contract_renews(account):
    account.change_plan("enterprise", effective="at_renewal", requested_by="ada")
    assert account.told == ["plan_change_scheduled"]
    assert account["contract_type"] == "basic"
    [planned] = account["scheduled_changes"]
    assert planned["effective_at"] == instant(END)
    assert planned["requested_by"] == "ada"
    account.at("2027-02-03").advance()
    assert account.told[-2:] == ["plan_changed", "renewed"]
    assert account["contract_type"] == "enterprise"
    assert account["scheduled_changes"] == []
    assert [change.effective_at for change in account.changes[-2:]] == [instant(END)] * 2


def test_a_later_one_takes_the_place_of_an_earlier_one(account):
    account.change_plan("enterprise", effective="at_renewal")
    account.change_plan("professional", effective="at_renewal", overrides={"base_monthly_fee": 1})
    [planned] = account["scheduled_changes"]
    assert planned["contract_type"] == "professional"


def test_the_same_again_changes_nothing(account):
    account.change_plan("enterprise", effective="at_renewal")
    account.at("2026-05-01").change_plan("enterprise", effective="at_renewal", requested_by="bob")
    assert isinstance(account.verdict.outcome, Unchanged)


def test_an_immediate_one_clears_a_scheduled_one(account):
    account.change_plan("enterprise", effective="at_renewal").change_plan("basic")
    assert account.told == ["plan_changed"]
    assert account["scheduled_changes"] == []


def test_it_does_not_happen_to_a_contract_that_lapses(account):
    account.change_plan("enterprise", effective="at_renewal").update(auto_renewal=False)
    account.at(END).advance()
    assert account["status"] == "expired"
    assert account["contract_type"] == "basic"


def test_it_happens_when_an_expired_contract_is_renewed_within_its_grace(account):
    account.change_plan("enterprise", effective="at_renewal").update(auto_renewal=False)
    account.at("2027-02-10").renew()
    assert account.told == ["renewal_started", "expired", "renewed", "plan_changed"]
    assert account["contract_type"] == "enterprise"
    assert account.changes[-1].effective_at == account["term_start"] == instant("2027-02-10")


def test_it_waits_for_the_new_term_of_an_early_renewal(account):
    account.change_plan("enterprise", effective="at_renewal").at("2026-06-01").renew()
    assert account["contract_type"] == "basic"
    account.at(END).advance()
    assert account.told == ["plan_changed"]
    assert account["status"] == "active"
    assert account["end_date"] == instant("2028-01-31")


def test_scheduled_after_an_early_renewal_it_is_for_the_term_agreed_on(account):
    account.at("2026-06-01").renew().change_plan("enterprise", effective="at_renewal")
    assert account["scheduled_changes"][0]["effective_at"] == instant(END)
    account.at(END).advance()
    assert account["contract_type"] == "enterprise"


def test_a_scheduled_cancellation_keeps_it_asleep(account):
    account.change_plan("enterprise", effective="at_renewal").cancel(effective="end_of_term")
    account.at(END).advance()
    assert account["status"] == "cancelled"
    assert account["contract_type"] == "basic"
    assert account["scheduled_changes"] == []


def test_it_lives_again_when_the_cancellation_is_withdrawn(account):
    account.change_plan("enterprise", effective="at_renewal").cancel(effective="end_of_term")
    account.send("withdraw_cancellation").at(END).advance()
    assert account["contract_type"] == "enterprise"


def test_it_can_be_withdrawn(account):
    account.change_plan("enterprise", effective="at_renewal").send("withdraw_plan_change")
    assert account.told == ["plan_change_withdrawn"]
    assert account["scheduled_changes"] == []
    account.send("withdraw_plan_change")
    assert isinstance(account.verdict.outcome, Unchanged)


NO_PRICING = {"contract_type": "enterprise", "overrides": {"usage_based_pricing": None}}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("change_plan", NO_PRICING),
        ("change_plan", NO_PRICING | {"effective": "at_renewal"}),
        ("update", {"changes": {"renewal_terms": NO_PRICING}}),
        ("offer_renewal", {"offer_id": "a", "terms": NO_PRICING, "valid_until": "2027-01-01"}),
        ("schedule_change", NO_PRICING | {"kind": "plan_change", "at_renewal": True}),
        ("schedule_change", {"kind": "amendment", "at_renewal": True, "changes": NO_PRICING["overrides"]}),
    ],
)
def test_null_among_the_overrides_removes_the_pricing(account, name, data):
    account.update(usage_based_pricing={"trade_value_tiers": []})
    assert account.send(name, **data).applied
    if name == "offer_renewal":
        account.send("accept_offer", offer_id="a")
    account.at(END).advance()
    assert "usage_based_pricing" not in account.contract


def test_a_draft_changes_its_plan_immediately_only():
    draft = Account(START).create(contract_type="basic", status="draft")
    assert draft.change_plan("enterprise", effective="at_renewal").refused == "invalid_transition"
    assert draft.change_plan("enterprise").applied


@pytest.mark.parametrize("ending", ["expired", "cancelled"])
def test_an_ended_contract_has_no_plan_to_change(account, ending):
    account.update(auto_renewal=False)
    if ending == "cancelled":
        account.cancel()
    account.at("2027-02-01").change_plan("enterprise")
    assert account.refused == "invalid_transition"

"""`schedule_change` and `withdraw_change`: what is scheduled, when it is due, and what it then does."""

from __future__ import annotations

import pytest

from consumer.domain.model import Unchanged
from tests.unit.domain.story import Account, as_json, instant

START, END = "2026-01-31", "2027-01-31"


def account(**terms) -> Account:
    return Account(START).create(**{"contract_type": "basic", "notice_days": [30]} | terms)


def amend(to: Account, fee: float, **more) -> Account:
    return to.send("schedule_change", kind="amendment", changes={"base_monthly_fee": fee}, **more)


def fees(contract: Account) -> list[tuple[str, float]]:
    """When each change took effect, and the fee after it."""
    return [
        (f"{each.effective_at:%Y-%m-%d}", as_json(each.contract["base_monthly_fee"]))
        for each in contract.changes
        if each.change in {"amended", "plan_changed", "renewed"}
    ]


def test_an_amendment_at_a_moment_is_told_when_scheduled_and_when_due():
    contract = amend(account(), 120, change_id="spring", at="2026-04-15", requested_by="ada")
    assert contract.told == ["change_scheduled"]
    assert contract["base_monthly_fee"] == 99
    assert as_json(contract["scheduled_changes"]) == [
        {
            "change_id": "spring",
            "kind": "amendment",
            "effective_at": "2026-04-15T00:00:00Z",
            "changes": {"base_monthly_fee": 120},
            "requested_by": "ada",
            "requested_at": "2026-01-31T00:00:00Z",
        }
    ]
    contract.at("2026-04-15").advance()
    assert contract.told == ["amended"]
    [change] = contract.changes
    assert (change.by, change.effective_at) == ("lifecycle", instant("2026-04-15"))
    assert as_json(change.recurring) == {"before": 99, "after": 120, "movement": "expansion"}
    assert as_json(change.proration)["days"] == 15, "from 15 to 30 April"
    assert contract["scheduled_changes"] == []
    assert contract["base_monthly_fee"] == 120


def test_it_is_a_merge_patch_and_leaves_what_it_does_not_name():
    patch = {
        "usage_limits": {"max_trade_value": None, "max_monthly_trades": 7},
        "term_months": 6,
        "usage_thresholds": [50],
    }
    contract = account().send("schedule_change", kind="amendment", at="2026-04-15", changes=patch)
    contract.at("2026-04-15").advance()
    assert as_json(contract["usage_limits"]) == {"max_monthly_trades": 7, "sla_threshold_seconds": 23}
    assert (contract["term_months"], contract["usage_thresholds"]) == (6, [50])
    assert contract["end_date"] == instant(END), "the length of terms is for renewals"


def test_without_an_id_it_gets_one_from_the_command():
    contract = amend(account(), 120, at="2026-04-15")
    again = amend(account(), 120, at="2026-04-15")
    [change] = contract["scheduled_changes"]
    assert change["change_id"].startswith("change_")
    assert change == again["scheduled_changes"][0]
    assert amend(contract, 130, at="2026-04-16")["scheduled_changes"][1]["change_id"] != change["change_id"]


def test_they_are_in_order_of_time():
    contract = account()
    for name, when in {"d": {"from_term": 3}, "b": {"at": "2026-12-01"}, "c": {"at_renewal": True}}.items():
        amend(contract, 1, change_id=name, **when)
    amend(contract, 2, change_id="a", at="2026-02-01")
    assert [each["change_id"] for each in contract["scheduled_changes"]] == ["a", "b", "c", "d"]
    assert [each.get("from_term") for each in contract["scheduled_changes"]] == [None, None, 2, 3]


def test_several_are_caught_up_with_in_order_each_an_event_of_its_own():
    contract = account(term_months=1)
    amend(contract, 110, at="2026-02-14")
    amend(contract, 120, at_renewal=True)
    amend(contract, 130, from_term=3)
    contract.send("schedule_change", kind="plan_change", at="2026-04-02", contract_type="enterprise")
    contract.send("schedule_change", kind="cancellation", at="2026-05-05", reason="over")
    contract.at("2027-01-01").advance()
    assert fees(contract) == [
        ("2026-02-14", 110),
        ("2026-02-28", 120),
        ("2026-02-28", 120),
        ("2026-03-31", 130),
        ("2026-03-31", 130),
        ("2026-04-02", 999),
        ("2026-04-30", 999),
    ]
    assert contract.told[-1] == "cancelled"
    assert contract["cancelled_at"] == instant("2026-05-05")
    assert contract["cancellation_reason"] == "over"
    assert contract["end_date"] == instant("2026-05-31")
    assert contract["scheduled_changes"] == []


def test_an_amendment_at_the_renewal_comes_before_the_uplift_on_it():
    contract = account(renewal_terms={"uplift_percent": 10})
    amend(contract, 200, at_renewal=True)
    contract.at(END).advance()
    assert contract.told == ["renewal_started", "amended", "renewed"]
    assert as_json(contract["base_monthly_fee"]) == 220
    assert as_json(contract.at("2028-01-31").advance()["base_monthly_fee"]) == 242


def test_the_start_of_a_term_is_known_when_the_terms_before_it_are():
    contract = account()
    amend(contract, 150, change_id="third", from_term=3)
    assert contract["scheduled_changes"][0]["effective_at"] == instant("2028-01-31")
    contract.update(term_months=1)
    assert contract["scheduled_changes"][0]["effective_at"] == instant("2027-02-28"), "from the 31st on"
    contract.update(end_date="2026-08-30")
    assert contract["scheduled_changes"][0]["effective_at"] == instant("2026-09-30")
    assert fees(contract.at("2026-10-01").advance()) == [
        ("2026-08-30", 99),
        ("2026-09-30", 150),
        ("2026-09-30", 150),
    ]


def test_an_early_renewal_leaves_it_with_its_term():
    contract = amend(account(), 150, from_term=2).at("2026-06-01").renew(term_months=3)
    assert contract["scheduled_changes"][0]["effective_at"] == instant(END)
    amend(contract, 160, at_renewal=True)
    assert contract.refused == "change_conflict", "the next term to begin is the one agreed on"
    amend(contract, 160, from_term=3)
    assert contract["scheduled_changes"][1]["effective_at"] == instant("2027-04-30")
    contract.at(END).advance()
    assert fees(contract) == [(END, 150)]
    assert contract["term_number"] == 2


def test_a_contract_that_lapses_keeps_its_changes_for_a_late_renewal():
    contract = amend(account(auto_renewal=False), 150, change_id="moment", at="2027-02-05")
    amend(contract, 140, change_id="term", at_renewal=True)
    contract.send("schedule_change", change_id="end", kind="cancellation", from_term=3)
    contract.at("2027-02-01").advance()
    assert contract["status"] == "expired"
    assert [each["change_id"] for each in contract["scheduled_changes"]] == ["term", "moment"]
    contract.at("2027-02-10").renew()
    assert contract.told == ["renewed", "amended", "amended"]
    assert fees(contract) == [("2027-02-10", 99), ("2027-02-10", 140), ("2027-02-10", 150)]
    assert contract["scheduled_changes"] == []


def test_terms_of_a_late_renewal_come_after_its_amendment():
    contract = amend(account(auto_renewal=False, renewal_terms={"uplift_percent": 10}), 200, at_renewal=True)
    contract.at("2027-02-10").renew()
    assert contract.told == ["renewal_started", "expired", "renewed", "amended", "amended"]
    assert as_json(contract["base_monthly_fee"]) == 220


@pytest.mark.parametrize("ended", ["cancel", "delete"])
def test_nothing_happens_once_the_contract_is_cancelled_or_deleted(ended):
    contract = amend(account(), 150, from_term=2).at("2026-06-01").send(ended)
    contract.at("2027-06-01").advance()
    assert contract.told == []
    assert contract.contract is None or contract["scheduled_changes"] == []


def test_a_cancellation_at_a_moment_ends_it_within_the_term():
    contract = account().send("schedule_change", kind="cancellation", at="2026-07-01", reason="moved")
    assert contract.renew().refused == "invalid_transition"
    contract.at("2026-09-01").update(base_monthly_fee=1)
    assert (contract.told, contract.refused) == (["cancelled"], "protected_field")
    assert (contract["status"], contract["cancelled_at"]) == ("cancelled", instant("2026-07-01"))
    assert (contract["end_date"], contract["cancellation_reason"]) == (instant(END), "moved")


def test_one_in_a_later_term_lets_it_renew_until_then():
    contract = account().send("schedule_change", kind="cancellation", from_term=3)
    contract.at("2027-01-10").advance()
    assert contract.notices[0]["next_term"]["action"] == "renews"
    assert contract.renew().applied
    contract.at("2028-01-10").advance()
    [notice] = contract.notices
    assert (notice["next_term"]["action"], notice["reason"]) == ("lapses", "cancellation_scheduled")
    assert contract.at("2028-02-01").advance().told[0] == "cancelled"


def test_an_immediate_cancellation_keeps_the_reason_of_a_scheduled_one():
    contract = account().send("schedule_change", kind="cancellation", at="2026-07-01", reason="moved")
    assert contract.cancel()["cancellation_reason"] == "moved"


def test_it_is_withdrawn_by_its_id():
    contract = amend(amend(account(), 150, change_id="a", at="2026-05-01"), 160, change_id="b", from_term=2)
    assert contract.send("withdraw_change", change_id="a").told == ["change_withdrawn"]
    assert [each["change_id"] for each in contract["scheduled_changes"]] == ["b"]
    assert contract.send("withdraw_change", change_id="a").refused == "change_not_found"
    assert contract.at("2026-06-01").advance().told == []


def test_what_other_commands_schedule_has_its_kind_as_its_id():
    contract = account().change_plan("enterprise", effective="at_renewal").cancel(effective="end_of_term")
    ids = [each["change_id"] for each in contract["scheduled_changes"]]
    assert ids == ["plan_change", "cancellation"]
    assert contract.send("withdraw_change", change_id="cancellation").told == ["change_withdrawn"]
    contract.at(END).advance()
    assert contract["contract_type"] == "enterprise"


def test_those_commands_withdraw_their_own_only():
    contract = account().send(
        "schedule_change", change_id="p", kind="plan_change", from_term=3, contract_type="enterprise"
    )
    assert isinstance(contract.send("withdraw_plan_change").verdict.outcome, Unchanged)
    contract.change_plan("professional", effective="at_renewal")
    contract.change_plan("professional")
    assert [each["change_id"] for each in contract["scheduled_changes"]] == ["p"], "a later one stays"


def test_the_same_again_changes_nothing():
    contract = amend(account(), 150, change_id="a", from_term=2)
    amend(contract.at("2026-03-01"), 150, change_id="a", from_term=2, requested_by="bob")
    assert isinstance(contract.verdict.outcome, Unchanged)


def test_usage_is_measured_against_an_amended_limit():
    contract = account().used(9_000)
    contract.send(
        "schedule_change",
        kind="amendment",
        at="2026-02-05",
        changes={"usage_limits": {"max_monthly_trades": 9_000}},
    )
    contract.at("2026-02-04").used(8_000)
    assert contract.reached[0]["threshold"] == 80
    contract.at("2026-02-05").advance()
    assert contract.told == ["amended"], "lowered: 8,000 of 9,000"
    assert contract.used(9_000).reached[0]["threshold"] == 100


def test_month_ends():
    contract = amend(account(term_months=1), 120, from_term=4)
    assert contract["scheduled_changes"][0]["effective_at"] == instant("2026-04-30")
    ends = [("2026-04-30", 120), ("2026-04-30", 120), ("2026-05-31", 120)]
    assert fees(contract.at("2026-05-31").advance())[-3:] == ends

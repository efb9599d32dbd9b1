"""How each change moves monthly recurring revenue."""

from __future__ import annotations

from tests.unit.domain.story import Account, as_json


def moves(account: Account) -> list[tuple]:
    """Of the last decision: what was brought before, what after, and the movement, where there is one."""
    told = [as_json(change.recurring) for change in account.changes]
    return [(each["before"], each["after"], each["movement"]) for each in told if each["movement"] != "none"]


def opened(**data) -> Account:
    return Account("2026-01-15").create(**{"contract_type": "basic", "notice_days": []} | data)


def test_a_contract_that_begins_is_new_and_what_it_gains_and_loses_expansion_and_contraction():
    account = opened()
    assert moves(account) == [(0, 99, "new")]
    assert moves(account.update(base_monthly_fee=120)) == [(99, 120, "expansion")]
    assert moves(account.change_plan("professional")) == [(120, 299, "expansion")]
    assert moves(account.update(add_ons=[{"name": "a", "monthly_fee": 1}])) == [(299, 300, "expansion")]
    assert moves(account.update(base_monthly_fee=50)) == [(300, 51, "contraction")]
    assert moves(account.update(notes="the same")) == []
    assert moves(account.cancel()) == [(51, 0, "churn")]


def test_a_draft_brings_nothing_until_it_is_activated():
    account = opened(status="draft")
    assert moves(account) == moves(account.update(base_monthly_fee=5)) == []
    assert moves(account.activate()) == [(0, 5, "new")]
    assert moves(account.send("delete")) == [(5, 0, "churn")]


def test_a_scheduled_change_moves_revenue_when_it_happens():
    account = opened(term_months=3).change_plan("enterprise", effective="at_renewal")
    assert moves(account) == []
    assert moves(account.at("2026-05-01").advance()) == [(99, 999, "expansion")]
    account.cancel(effective="end_of_term")
    assert moves(account) == []
    assert moves(account.at("2026-08-01").advance()) == [(999, 0, "churn")]


def test_who_lapses_and_renews_late_is_reactivated():
    account = opened(term_months=1, auto_renewal=False)
    assert moves(account.at("2026-02-20").advance()) == [(99, 0, "churn")]
    assert moves(account.renew()) == [(0, 99, "reactivation")]


def test_who_comes_back_with_another_contract_is_reactivated_also_by_way_of_a_draft():
    account = opened().cancel()
    assert moves(account.create(contract_type="professional", status="draft")) == []
    assert moves(account.activate()) == [(0, 299, "reactivation")]
    account.cancel()
    assert moves(account.create(contract_type="basic")) == [(0, 99, "reactivation")]


def test_who_never_paid_is_new_later():
    account = opened(status="draft").cancel()
    assert moves(account.create(contract_type="basic", base_monthly_fee=0)) == []
    assert moves(account.update(base_monthly_fee=7)) == [(0, 7, "new")]


def test_a_fee_of_nothing_is_churn_and_a_fee_again_reactivation():
    account = opened()
    assert moves(account.update(base_monthly_fee=0)) == [(99, 0, "churn")]
    assert moves(account.update(base_monthly_fee=10)) == [(0, 10, "reactivation")]


def test_a_deleted_contract_leaves_no_trace_of_who_paid():
    account = opened().send("delete")
    assert moves(account.create(contract_type="basic")) == [(0, 99, "new")]


def test_a_contract_that_is_taken_over_is_new_here():
    data = {"contract_id": "old-1", "start_date": "2024-01-01", "end_date": "2027-01-01", "usage_limits": {}}
    account = Account("2026-01-15").send(
        "adopt", contract_type="basic", status="active", base_monthly_fee=5, **data
    )
    assert moves(account) == [(0, 5, "new")]


def test_an_erasure_moves_nothing():
    account = opened().send("erase")
    assert (account.told, moves(account)) == (["erased"], [])

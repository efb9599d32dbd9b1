"""`renewal_terms`: what a renewal changes, what notices say of it, and when it begins."""

from __future__ import annotations

import pytest

from tests.unit.domain.story import Account, as_json, instant

START, END = "2026-01-31", "2027-01-31"


def account(terms: dict | None = None, **more) -> Account:
    agreed = {} if terms is None else {"renewal_terms": terms}
    return Account(START).create(**{"contract_type": "basic", "notice_days": [30]} | agreed | more)


def test_the_fee_rises_within_the_renewal():
    contract = account({"uplift_percent": 5}).at(END).advance()
    assert contract.told == ["renewal_started", "renewed"]
    assert as_json(contract["base_monthly_fee"]) == 103.95
    fields = {path: (before, after) for path, before, after in contract.changes[1].changed_fields}
    assert as_json(fields["/base_monthly_fee"]) == [99, 103.95]
    assert fields["/renewal_terms/from_term"] == (2, 3)


def test_several_terms_caught_up_with_compound_and_are_rounded_at_each():
    contract = account({"uplift_percent": 5}).at("2029-02-10").advance()
    fees = [
        as_json(event.contract["base_monthly_fee"]) for event in contract.changes if event.change == "renewed"
    ]
    assert fees == [103.95, 109.15, 114.61], "103.95 * 1.05 = 109.1475, and 109.15 * 1.05 = 114.6075"


def test_half_a_cent_is_rounded_up():
    assert (
        as_json(account({"uplift_percent": 5}, base_monthly_fee=10.1).at(END).advance()["base_monthly_fee"])
        == 10.61
    )
    assert (
        as_json(account({"uplift_percent": 2.5}, base_monthly_fee=1).at(END).advance()["base_monthly_fee"])
        == 1.03
    )


@pytest.mark.parametrize(
    ("currency", "fee"), [("USD", 104.49), ("JPY", 104), ("KWD", 104.488), ("CLF", 104.4878), ("EUR", 104.49)]
)
def test_the_fee_is_rounded_to_the_smallest_unit_of_its_currency(currency, fee):
    contract = account({"uplift_percent": 5.5432}, base_monthly_fee=99, currency=currency).at(END).advance()
    assert as_json(contract["base_monthly_fee"]) == fee


def test_a_cap_stops_the_uplift_and_never_lowers_the_fee():
    contract = account({"uplift_percent": 5, "cap": 106}).at("2029-02-10").advance()
    assert as_json(contract["base_monthly_fee"]) == 106
    contract = account({"uplift_percent": 5, "cap": 50}).at(END).advance()
    assert as_json(contract["base_monthly_fee"]) == 99


@pytest.mark.parametrize(
    ("currency", "fee"), [("JPY", 100), ("USD", 100.95), ("KWD", 100.957), ("CLF", 100.9579)]
)
def test_a_fee_at_its_cap_can_be_paid_in_its_currency(currency, fee):
    contract = account({"uplift_percent": 5, "cap": 100.9579}, currency=currency).at(END).advance()
    assert as_json(contract["base_monthly_fee"]) == fee


def test_an_uplift_too_small_for_the_currency_does_not_lower_a_finer_fee():
    contract = account({"uplift_percent": 0.001}, base_monthly_fee=1.0042).at(END).advance()
    assert as_json(contract["base_monthly_fee"]) == 1.0042


def test_a_given_fee_holds_once_and_later_changes_stay():
    contract = account({"base_monthly_fee": 120, "term_months": 6}).at(END).advance()
    assert (as_json(contract["base_monthly_fee"]), contract["term_months"]) == (120, 6)
    assert contract["end_date"] == instant("2027-07-31")
    assert "renewal_terms" not in contract.contract
    contract.update(base_monthly_fee=130)
    assert as_json(contract.at("2027-07-31").advance()["base_monthly_fee"]) == 130


def test_they_hold_from_a_term_on():
    contract = account({"from_term": 4, "uplift_percent": 10}).at("2030-02-10").advance()
    fees = [
        as_json(each.contract["base_monthly_fee"]) for each in contract.changes if each.change == "renewed"
    ]
    assert fees == [99, 99, 108.9, 119.79]


def test_a_term_that_has_begun_counts_as_the_next():
    contract = account().at("2028-02-10").update(renewal_terms={"from_term": 2, "uplift_percent": 10})
    assert contract["renewal_terms"]["from_term"] == 4
    assert contract.update(renewal_terms={"uplift_percent": 10}).told == [], "the same again"


def test_another_plan_with_overrides_then_the_uplift_on_its_fee():
    terms = {"contract_type": "enterprise", "overrides": {"usage_limits": {"max_monthly_trades": None}}}
    contract = account(terms | {"uplift_percent": 10}).at(END).advance()
    assert (contract["contract_type"], as_json(contract["base_monthly_fee"])) == ("enterprise", 1098.9)
    assert "max_monthly_trades" not in contract["usage_limits"]
    assert as_json(contract["renewal_terms"]) == {"from_term": 3, "uplift_percent": 10}


def test_a_scheduled_plan_change_comes_first():
    contract = account({"uplift_percent": 10}).change_plan("professional", effective="at_renewal")
    contract.at(END).advance()
    assert contract.told == ["renewal_started", "plan_changed", "renewed"]
    assert as_json(contract["base_monthly_fee"]) == 328.9


def test_the_plan_named_last_counts():
    plan = {"contract_type": "enterprise"}
    contract = account().change_plan("professional", effective="at_renewal").update(renewal_terms=plan)
    assert contract["scheduled_changes"] == []
    contract.change_plan("professional", effective="at_renewal")
    assert "renewal_terms" not in contract.contract
    contract.update(renewal_terms=plan | {"uplift_percent": 1}).change_plan("professional")
    assert as_json(contract["renewal_terms"]) == {"from_term": 2, "uplift_percent": 1}


def test_an_early_renewal_brings_them_when_its_term_begins():
    contract = account({"uplift_percent": 5, "term_months": 6}).at("2026-06-01").renew()
    assert contract.told == ["renewed"]
    assert (as_json(contract["base_monthly_fee"]), contract["end_date"]) == (99, instant("2027-07-31"))
    contract.at("2027-02-15").advance()
    assert contract.told == ["amended"]
    assert contract.changes[0].effective_at == instant(END)
    assert (as_json(contract["base_monthly_fee"]), contract["term_months"]) == (103.95, 6)
    assert contract.at("2027-07-31").advance()["renewal_terms"]["from_term"] == 4


def test_terms_agreed_on_between_an_early_renewal_and_its_term_hold_for_it():
    contract = account().at("2026-06-01").renew().update(renewal_terms={"base_monthly_fee": 120})
    assert contract["renewal_terms"]["from_term"] == 2
    assert contract.at(END).advance().told == ["amended"]
    assert as_json(contract["base_monthly_fee"]) == 120


def test_a_late_renewal_brings_them_at_once_after_a_plan_change():
    contract = account({"uplift_percent": 5}, auto_renewal=False).at("2027-02-10").renew()
    assert contract.told == ["renewal_started", "expired", "renewed"]
    assert as_json(contract["base_monthly_fee"]) == 103.95
    contract = account({"uplift_percent": 10}, auto_renewal=False)
    contract.change_plan("professional", effective="at_renewal").at("2027-02-10").advance().renew()
    assert contract.told == ["renewed", "plan_changed", "amended"]
    assert as_json(contract["base_monthly_fee"]) == 328.9


def test_notices_state_the_fee_before_and_after():
    contract = account({"uplift_percent": 5, "term_months": 1}).at("2027-01-05").advance()
    [notice] = contract.notices
    assert as_json(notice["renewal_fee"]) == {"before": 99, "after": 103.95}
    assert as_json(notice["next_term"]["monthly_total"]) == 103.95
    assert notice["next_term"]["until"] == instant("2027-02-28")
    contract.cancel(effective="end_of_term")
    assert as_json(contract.expiring[0]["renewal_fee"]) == {"before": 99, "after": 103.95}


def test_without_terms_for_the_next_renewal_there_is_no_fee_of_it():
    contract = account({"from_term": 3, "uplift_percent": 5}).at("2027-01-05").advance()
    assert "renewal_fee" not in contract.notices[0]


def test_terms_changed_after_the_notice_are_noticed_again_once():
    contract = account().at("2027-01-05").update(renewal_terms={"uplift_percent": 5})
    assert contract.told == ["notice 30", "renewal_started", "updated", "notice 30"]
    again = contract.notices[-1]
    assert (again["terms_changed"], again["missed_windows"]) == (True, [])
    assert again["effective_at"] == instant("2027-01-05")
    assert as_json(again["renewal_fee"]) == {"before": 99, "after": 103.95}
    assert contract.update(notes="seen").told == ["updated"]
    assert contract.update(renewal_terms={"uplift_percent": 5}).told == []
    assert contract.update(base_monthly_fee=100).told == ["updated", "notice 30"]
    assert contract.update(renewal_terms=None).told == ["updated", "notice 30"]
    assert "renewal_fee" not in contract.notices[0]


def test_they_are_not_noticed_while_it_lapses_but_when_it_renews_again():
    contract = account().at("2027-01-05").cancel(effective="end_of_term")
    assert contract.update(renewal_terms={"uplift_percent": 5}).told == ["updated"]
    assert contract.send("withdraw_cancellation").told == ["cancellation_withdrawn", "notice 30"]
    assert contract.cancel(effective="end_of_term").told == ["cancellation_scheduled"], "told in this window"


@pytest.mark.parametrize(
    ("terms", "mistake"),
    [
        ({}, "/renewal_terms"),
        ({"from_term": 3}, "/renewal_terms"),
        ({"uplift_percent": 5, "base_monthly_fee": 9}, "/renewal_terms/uplift_percent"),
        ({"base_monthly_fee": 9, "cap": 9}, "/renewal_terms/cap"),
        ({"uplift_percent": 5, "overrides": {"features": []}}, "/renewal_terms/overrides"),
        (
            {"contract_type": "basic", "base_monthly_fee": 9, "overrides": {"base_monthly_fee": 9}},
            "/renewal_terms/overrides/base_monthly_fee",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(terms, mistake):
    assert account(terms).mistakes.keys() == {mistake}
    assert account().update(renewal_terms=terms).mistakes.keys() == {f"/changes{mistake}"}


def test_they_are_replaced_as_a_whole():
    contract = account({"uplift_percent": 5, "cap": 120}).update(renewal_terms={"base_monthly_fee": 110})
    assert as_json(contract["renewal_terms"]) == {"from_term": 2, "base_monthly_fee": 110}


def test_terms_of_a_term_that_is_over_are_not_adopted():
    data = {"contract_id": "old", "contract_type": "basic", "status": "active", "usage_limits": {}}
    dates = {"start_date": "2024-01-31", "term_start": "2026-01-31", "end_date": "2027-01-31"}
    adopted = {**data, **dates, "term_number": 3, "base_monthly_fee": 1}
    account = Account("2026-02-10").send(
        "adopt", **adopted, renewal_terms={"from_term": 2, "uplift_percent": 1}
    )
    assert account.mistakes.keys() == {"/renewal_terms/from_term"}
    account.send("adopt", **adopted, renewal_terms={"uplift_percent": 1})
    assert account["renewal_terms"]["from_term"] == 4


def test_a_length_that_no_longer_moves_the_end_is_no_reason_to_notice_again():
    contract = Account("9998-11-30").create(
        contract_type="basic", notice_days=[30], renewal_terms={"uplift_percent": 5}
    )
    (told,) = contract.at("9999-11-01").advance().notices
    contract.update(term_months=24)
    assert contract.told == ["updated"]
    (again,) = contract.update(base_monthly_fee=100).notices
    assert (told["next_term"]["until"], again["next_term"]["until"]) == (instant("9999-12-31"),) * 2

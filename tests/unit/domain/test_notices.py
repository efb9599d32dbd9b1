"""Notice windows: who is told what before a term ends."""

from __future__ import annotations

from tests.unit.domain.story import Account, as_json, instant

START, END = "2026-01-31", "2027-01-31"
ADA = {"name": "Ada", "email": "ada@example.com"}


def account(**terms) -> Account:
    return Account(START).create(contract_type="basic", **terms)


def days_before_end(days: int) -> str:
    return {90: "2026-11-02", 60: "2026-12-02", 30: "2027-01-01", 14: "2027-01-17", 7: "2027-01-24"}[days]


def test_each_window_is_noticed_once():
    contract = account()
    for day in (*map(days_before_end, (90, 60, 30, 14, 7)), "2027-01-30", "2027-01-30T12:00"):
        contract.at(day).advance()
    assert [each for each in contract.story if "notice" in each] == [
        f"notice {w}" for w in (90, 60, 30, 14, 7, 1)
    ]


def test_inside_several_windows_there_is_one_notice_for_the_most_urgent():
    contract = account().at("2027-01-20").advance()
    [notice] = contract.notices
    assert notice["window_days"] == 14
    assert notice["missed_windows"] == [90, 60, 30]
    assert notice["effective_at"] == instant(days_before_end(14))
    assert notice["occurred_at"] == instant("2027-01-20")
    assert notice["days_left"] == 11


def test_days_left_are_rounded_up():
    contract = account().at("2026-11-02T00:00:40").advance()
    assert contract.notices[0]["days_left"] == 90


def test_windows_of_ended_terms_are_not_noticed():
    contract = account(term_months=6).at("2029-02-10").advance()
    assert not contract.notices
    assert contract["term_number"] == 7


def test_a_notice_says_what_a_mail_needs():
    contract = account(
        primary_contact=ADA | {"phone": "1", "role": "cto"},
        billing_contact={"email": "bills@example.com"},
        add_ons=[
            {"name": "a", "monthly_fee": 10.5},
            {"name": "b", "monthly_fee": 2.25, "active": True},
            {"name": "c", "monthly_fee": 500, "active": False},
        ],
    )
    contract.at(days_before_end(90)).advance()
    assert as_json(contract.notices[0]) == {
        "account_id": "acc-1",
        "contract_id": contract["contract_id"],
        "contract_type": "basic",
        "term_number": 1,
        "end_date": "2027-01-31T00:00:00Z",
        "days_left": 90,
        "window_days": 90,
        "missed_windows": [],
        "next_term": {
            "action": "renews",
            "on": "2027-01-31T00:00:00Z",
            "contract_type": "basic",
            "monthly_total": 111.75,
            "until": "2028-01-31T00:00:00Z",
        },
        "base_monthly_fee": 99,
        "currency": "USD",
        "primary_contact": ADA | {"phone": "1", "role": "cto"},
        "billing_contact": {"email": "bills@example.com"},
        "features": ["basic_analytics", "email_support"],
        "recipients": [
            {"contact": "primary", "email": "ada@example.com", "name": "Ada"},
            {"contact": "billing", "email": "bills@example.com"},
        ],
        "effective_at": "2026-11-02T00:00:00Z",
        "occurred_at": "2026-11-02T00:00:00Z",
    }


def test_nobody_is_told_twice():
    contract = account(primary_contact=ADA, billing_contact=ADA).at(days_before_end(90)).advance()
    assert [each["contact"] for each in contract.notices[0]["recipients"]] == ["primary"]


def test_a_notice_tells_of_the_plan_it_renews_on():
    contract = account().change_plan(
        "enterprise", effective="at_renewal", overrides={"base_monthly_fee": 900}
    )
    contract.at(days_before_end(90)).advance()
    [notice] = contract.notices
    assert notice["contract_type"] == "basic"
    assert notice["next_term"]["contract_type"] == "enterprise"
    assert notice["next_term"]["monthly_total"] == 900


def test_a_contract_that_will_lapse_is_expiring_too():
    contract = account(auto_renewal=False, primary_contact=ADA).at(days_before_end(90)).advance()
    assert contract.told == ["notice 90", "expiring 90"]
    assert as_json(contract.expiring[0]) == {
        "account_id": "acc-1",
        "contract_id": contract["contract_id"],
        "contract_type": "basic",
        "end_date": "2027-01-31T00:00:00Z",
        "days_left": 90,
        "window_days": 90,
        "reason": "no_auto_renewal",
        "base_monthly_fee": 99,
        "currency": "USD",
        "primary_contact": ADA,
        "features": ["basic_analytics", "email_support"],
        "effective_at": "2026-11-02T00:00:00Z",
        "occurred_at": "2026-11-02T00:00:00Z",
    }
    [notice] = contract.notices
    assert notice["reason"] == "no_auto_renewal"
    assert notice["next_term"] == {"action": "lapses", "on": instant(END)}


def test_a_scheduled_cancellation_is_a_reason_to_lapse():
    contract = account(auto_renewal=False).cancel(effective="end_of_term").at(days_before_end(90)).advance()
    assert contract.expiring[0]["reason"] == "cancellation_scheduled"


def test_one_that_comes_to_lapse_inside_a_window_is_expiring_at_once():
    contract = account().at("2026-11-10").update(auto_renewal=False)
    assert contract.told == ["notice 90", "updated", "expiring 90"]
    [expiring] = contract.expiring
    assert expiring["effective_at"] == expiring["occurred_at"] == instant("2026-11-10")
    assert expiring["days_left"] == 82
    contract = account().at("2026-11-10").cancel(effective="end_of_term")
    assert contract.told == ["notice 90", "cancellation_scheduled", "expiring 90"]


def test_but_once_per_window():
    contract = account().at("2026-11-10").update(auto_renewal=False).update(auto_renewal=True)
    assert contract.update(auto_renewal=False).told == ["updated"]
    assert contract.cancel(effective="end_of_term").told == ["cancellation_scheduled"]
    contract.at(days_before_end(60)).advance()
    assert contract.told == ["notice 60", "expiring 60"]


def test_nor_again_after_the_notice_has_told_so():
    contract = account(auto_renewal=False).at(days_before_end(90)).advance()
    assert contract.told == ["notice 90", "expiring 90"]
    contract.update(auto_renewal=True)
    assert contract.update(auto_renewal=False).told == ["updated"]


def test_and_not_outside_a_window():
    contract = account().at("2026-11-01").update(auto_renewal=False)
    assert contract.told == ["updated"]


def test_a_withdrawn_cancellation_may_leave_a_contract_that_lapses_all_the_same():
    contract = account(auto_renewal=False).at("2026-11-10").cancel(effective="end_of_term")
    contract.send("withdraw_cancellation")
    assert contract.told == ["cancellation_withdrawn"]


def test_a_moved_end_starts_the_windows_afresh():
    contract = account().at("2027-01-20").advance()
    contract.update(end_date="2027-02-10")
    assert contract.told == ["updated", "notice 30"]
    assert contract.notices[0]["missed_windows"] == [90, 60]


def test_windows_longer_than_half_the_term_do_not_apply():
    contract = account(end_date="2026-03-02").at("2026-02-16").advance()
    assert contract.told == ["renewal_started", "notice 14"]
    assert contract.notices[0]["missed_windows"] == [], "90, 60 and 30 are longer than half of 30 days"
    contract = account(end_date="2026-03-28", notice_days=[28, 29]).at("2026-02-28").advance()
    assert contract.told == ["notice 28", "renewal_started"], "exactly half does"


def test_a_wider_window_added_later_is_not_noticed_after_a_more_urgent_one():
    contract = account(notice_days=[30]).at("2027-01-05").advance()
    assert contract.update(notice_days=[60, 30, 5]).told == ["updated"]
    assert contract.update(notice_days=[60, 28, 5]).told == ["updated", "notice 28"]


def test_no_windows_no_notices():
    contract = account(notice_days=[], auto_renewal=False).at("2027-01-30").advance()
    assert contract.told == ["renewal_started"]


def test_drafts_give_no_notice():
    contract = account(status="draft", auto_renewal=False).at("2027-01-30").advance()
    assert contract.told == []

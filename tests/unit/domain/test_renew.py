"""`renew`: a new term, early, in time, or within the grace period."""

from __future__ import annotations

import pytest

from tests.unit.domain.story import Account, instant

START, END = "2026-01-31", "2027-01-31"


@pytest.fixture
def account() -> Account:
    return Account(START).create(contract_type="basic", auto_renewal=False)


def test_a_contract_in_its_window_gets_a_term_from_the_old_end(account):
    account.at("2027-01-15").renew()
    assert account.told == ["notice 30", "expiring 30", "renewal_started", "renewed"]
    assert account["status"] == "active"
    assert account["start_date"] == instant(START), "it stays through renewals"
    assert account["term_start"] == instant(END)
    assert account["term_number"] == 2
    assert account["end_date"] == instant("2028-01-31")
    assert account["renewal_date"] == instant("2028-01-01")


def test_early_too_but_once_per_term(account):
    account.at("2026-06-01").renew()
    assert account.applied
    assert account["term_start"] == instant(END)
    account.at("2026-06-02").renew()
    assert account.refused == "invalid_transition"
    account.at(END).renew()
    assert account.applied, "the next term has begun"
    assert account["end_date"] == instant("2029-01-31")


def test_for_this_once_with_another_length(account):
    account.renew(term_months=1)
    assert account["end_date"] == instant("2027-02-28")
    assert account["term_months"] == 12


def test_the_anchor_outlasts_a_short_month(account):
    account.update(auto_renewal=True, term_months=1).renew(term_months=1)
    account.at("2027-02-28").advance()
    assert account["end_date"] == instant("2027-03-31")


def test_until_a_given_end_which_is_then_the_anchor(account):
    account.update(auto_renewal=True, term_months=1).renew(end_date="2027-04-15")
    assert account["end_date"] == instant("2027-04-15")
    account.at("2027-04-15").advance()
    assert account["end_date"] == instant("2027-05-15")


def test_an_end_lies_after_the_old_one(account):
    account.renew(end_date=END)
    assert account.mistakes == {
        "/end_date": "must be later than the start of the new term, 2027-01-31T00:00:00Z"
    }


def test_a_length_and_an_end_contradict_each_other(account):
    account.renew(end_date="2028-01-01", term_months=3)
    assert account.mistakes == {"/term_months": "cannot stand beside end_date: give one of them"}


def test_an_expired_contract_starts_again_from_now(account):
    account.at("2027-03-02").renew(term_months=1)
    assert account.told == ["renewal_started", "expired", "renewed"]
    assert account["status"] == "active"
    assert account["term_start"] == instant("2027-03-02")
    assert account["end_date"] == instant("2027-04-02")
    account.update(auto_renewal=True, term_months=1).at("2027-04-02").advance()
    assert account["end_date"] == instant("2027-05-02"), "the late renewal is the anchor"


def test_grace_is_30_days_to_the_moment(account):
    account.at("2027-03-02T00:00:00.001").renew()
    assert account.refused == "invalid_transition"
    assert account["status"] == "expired"


def test_a_contract_without_grace(account):
    account.update(renewal_grace_days=0).at(END).renew()
    assert account.applied, "at the very end"
    account = Account(START).create(contract_type="basic", auto_renewal=False, renewal_grace_days=0)
    assert account.at("2027-01-31T00:00:01").renew().refused == "invalid_transition"


def test_not_while_its_cancellation_is_scheduled(account):
    account.cancel(effective="end_of_term").renew()
    assert account.refused == "invalid_transition"
    account.send("withdraw_cancellation").renew()
    assert account.applied


@pytest.mark.parametrize("status", ["draft", "cancelled"])
def test_neither_drafts_nor_cancelled_contracts_renew(status):
    account = Account(START).create(contract_type="basic", status="draft")
    if status == "cancelled":
        account.cancel()
    assert account.renew().refused == "invalid_transition"


def test_windows_start_afresh(account):
    account.at("2027-01-15").advance()
    account.renew()
    assert account["lifecycle"]["noticed"] is None
    assert account["lifecycle"]["next_action_at"] == instant("2027-11-02"), "90 days before the new end"


def test_a_contract_that_has_not_started_can_be_renewed_once():
    account = Account(START).create(contract_type="basic", start_date="2026-06-01")
    assert account.renew().applied
    assert account.renew().refused == "invalid_transition"
    assert account["end_date"] == instant("2028-06-01")


def test_no_term_goes_beyond_the_calendar(account):
    account.update(end_date="9999-12-31")
    account.renew(term_months=120)
    assert account.refused == "invalid_terms"
    assert list(account.mistakes) == [""]

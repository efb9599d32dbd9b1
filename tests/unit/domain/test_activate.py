"""`activate`: a draft starts."""

from __future__ import annotations

import pytest

from tests.unit.domain.story import Account, instant


def draft(**terms) -> Account:
    return Account("2026-01-10").create(contract_type="basic", status="draft", **terms)


def test_it_starts_now_when_its_start_has_passed_and_a_computed_end_moves_along():
    account = draft(term_months=1).at("2026-01-31").activate()
    assert account.told == ["activated"]
    assert account["status"] == "active"
    assert account["start_date"] == account["term_start"] == instant("2026-01-31")
    assert account["end_date"] == instant("2026-02-28")
    account.at("2026-02-28").advance()
    assert account["end_date"] == instant("2026-03-31"), "the new start is the anchor"


def test_it_keeps_a_later_start():
    account = draft(start_date="2026-03-01").at("2026-01-31").activate()
    assert account["start_date"] == instant("2026-03-01")
    assert account["end_date"] == instant("2027-03-01")


def test_a_given_end_stays():
    account = draft(end_date="2026-06-15").at("2026-05-01").activate()
    assert account["end_date"] == instant("2026-06-15")
    assert account["term_start"] == instant("2026-05-01")
    assert account["renewal_date"] == instant("2026-05-23T12:00"), "half of the shorter term"


def test_a_given_end_that_has_passed_must_be_moved_first():
    account = draft(end_date="2026-06-15").at("2026-06-15").activate()
    assert account.refused == "invalid_terms"
    assert list(account.mistakes) == [""]
    assert account.update(end_date="2026-07-01").activate().applied


def test_inside_its_windows_it_is_told_of_at_once():
    account = draft(end_date="2026-03-01", auto_renewal=False, notice_days=[20, 5]).activate()
    assert account.told == ["activated"]
    account = (
        draft(end_date="2026-03-01", auto_renewal=False, notice_days=[20, 5]).at("2026-02-27").activate()
    )
    assert account.told == ["activated"], "both windows are longer than half of two days"


@pytest.mark.parametrize("status", ["active", "pending_renewal", "expired", "cancelled"])
def test_only_drafts_are_activated(status):
    account = Account("2026-01-10").create(contract_type="basic", auto_renewal=False)
    if status == "cancelled":
        account.cancel()
    account.at({"active": "2026-02-01", "pending_renewal": "2027-01-01"}.get(status, "2027-02-01"))
    account.activate()
    assert account["status"] == status
    assert account.refused == "invalid_transition"

"""`update`: what a new end, window or length of term moves along."""

from __future__ import annotations

from tests.unit.domain.story import instant


def test_a_new_end_moves_the_renewal_date_and_anchors_later_terms(account):
    account.update(end_date="2026-06-30", term_months=1)
    assert account["renewal_date"] == instant("2026-05-31")
    account.at("2026-06-30").advance()
    assert account["end_date"] == instant("2026-07-30")


def test_a_new_end_lies_ahead(account):
    account.at("2026-06-01").update(end_date="2026-06-01")
    assert account.mistakes == {"/changes/end_date": "must lie ahead: now is 2026-06-01T00:00:00Z"}
    account.update(end_date="2020-01-01")
    assert account.refused == "invalid_terms"


def test_out_of_the_window_a_contract_is_active_again(account):
    account.at("2027-01-10").advance()
    assert account["status"] == "pending_renewal"
    account.at("2027-01-11").update(end_date="2027-05-01")
    assert account.told[0] == "updated"
    assert account["status"] == "active"


def test_a_smaller_window_takes_it_out_too(account):
    account.at("2027-01-10").advance()
    account.update(renewal_window_days=5)
    assert account["status"] == "active"
    assert account["renewal_date"] == instant("2027-01-26")


def test_an_end_moved_into_the_window_starts_the_renewal_at_once(account):
    account.at("2026-10-01").update(end_date="2026-10-11")
    assert account.told == ["updated", "renewal_started", "notice 14"]
    assert account["status"] == "pending_renewal"


def test_what_waits_for_the_end_moves_along(account):
    account.change_plan("enterprise", effective="at_renewal").cancel(effective="end_of_term")
    account.update(end_date="2026-12-01")
    assert [each["effective_at"] for each in account["scheduled_changes"]] == [instant("2026-12-01")] * 2


def test_a_running_terms_length_is_for_its_renewals(account):
    account.update(term_months=1)
    assert account["end_date"] == instant("2027-01-31")
    account.at("2027-01-31").advance()
    assert account["end_date"] == instant("2027-02-28")
    account.at("2027-02-28").advance()
    assert account["end_date"] == instant("2027-03-31")


def test_in_a_draft_a_computed_end_follows_start_and_length(draft):
    draft.update(start_date="2026-05-31", term_months=1)
    assert draft["term_start"] == instant("2026-05-31")
    assert draft["end_date"] == instant("2026-06-30")
    draft.update(term_months=2)
    assert draft["end_date"] == instant("2026-07-31")


def test_in_a_draft_a_given_end_stays(draft):
    draft.update(end_date="2026-09-15")
    draft.update(start_date="2026-05-01", term_months=2)
    assert draft["end_date"] == instant("2026-09-15")
    draft.update(start_date="2026-09-15")
    assert draft.mistakes == {
        "/changes/start_date": "must be earlier than the end of the term, 2026-09-15T00:00:00Z"
    }


def test_the_computed_end_sent_back_is_no_given_one(draft):
    draft.update(end_date=draft["end_date"], notes="same end")
    draft.update(start_date="2026-03-01")
    assert draft["end_date"] == instant("2027-03-01")


def test_a_drafts_end_that_has_passed_does_not_block_other_changes(draft):
    draft.update(end_date="2026-03-01")
    draft.at("2026-04-01").update(notes="still thinking")
    assert draft.applied
    draft.update(renewal_window_days=3)
    assert draft.applied


def test_time_never_runs_backwards_for_a_contract(account):
    account.at("2026-06-01").update(notes="a")
    account.at("2026-05-01").update(notes="b")
    assert account["updated_at"] == instant("2026-06-01")

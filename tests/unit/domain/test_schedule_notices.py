"""What notices and expiring events say of scheduled changes, and when a notice is given again."""

from __future__ import annotations

from tests.unit.domain.story import as_json, instant
from tests.unit.domain.test_schedule_change import account, amend


def test_a_cancellation_scheduled_in_a_noticed_window_is_told_at_once():
    contract = account().at("2027-01-05").advance()
    contract.send("schedule_change", change_id="c", kind="cancellation", at="2027-01-20")
    assert contract.told == ["change_scheduled", "expiring 30"]
    assert contract.send("withdraw_change", change_id="c").told == ["change_withdrawn"]


def test_a_notice_says_when_a_cancellation_within_the_window_ends_it():
    contract = account().send("schedule_change", kind="cancellation", at="2027-01-20")
    [notice] = contract.at("2027-01-05").advance().notices
    assert notice["next_term"] == {"action": "lapses", "on": instant("2027-01-20")}


def test_notices_state_the_fee_with_what_is_scheduled_until_the_renewal():
    contract = amend(account(), 150, at_renewal=True)
    [notice] = contract.at("2027-01-05").advance().notices
    assert as_json(notice["renewal_fee"]) == {"before": 99, "after": 150}
    assert as_json(notice["next_term"]["monthly_total"]) == 150
    contract.cancel(effective="end_of_term")
    assert as_json(contract.expiring[0]["renewal_fee"]) == {"before": 99, "after": 150}
    contract = account().change_plan("professional", effective="at_renewal")
    [notice] = contract.at("2027-01-05").advance().notices
    assert as_json(notice["renewal_fee"]) == {"before": 99, "after": 299}


def test_a_change_scheduled_after_the_notice_is_noticed_again_and_once():
    contract = account().at("2027-01-05").advance()
    assert amend(contract, 150, change_id="a", at="2027-01-10").told == ["change_scheduled", "notice 30"]
    assert contract.notices[0]["terms_changed"] is True
    assert contract.at("2027-01-11").update(notes="n").told == ["amended", "updated"], "that was told"
    assert contract.update(base_monthly_fee=160).told == ["updated", "notice 30"]


def test_one_beyond_the_next_term_is_not_told_by_this_renewal():
    contract = amend(account(), 150, from_term=3).at("2027-01-05").advance()
    assert "renewal_fee" not in contract.notices[0]

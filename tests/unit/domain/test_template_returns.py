"""A contract that leaves its plan and returns to it: in the version of when the return was agreed."""

from __future__ import annotations

import pytest

from consumer.domain.model import Unchanged
from schemas.views import exported
from tests.unit.domain.catalogues import POLICY, SECOND, THIRD
from tests.unit.domain.story import Account, as_json
from tests.unit.domain.test_templates import END, account

SET, LEAVES = "2026-07-01", "2026-09-01"


def left(made: Account, at: str = LEAVES) -> Account:
    """It goes to another plan before the renewal."""
    plan = {"kind": "plan_change", "contract_type": "enterprise"}
    return made.send("schedule_change", change_id="away", at=at, **plan)


def fee_and_version(made: Account) -> tuple[float, int | None]:
    return float(made["base_monthly_fee"]), made.contract.get("template_version")


@pytest.mark.parametrize("first", ["the terms", "the change"])
@pytest.mark.parametrize("began", ["2026-01-31", SET])
def test_renewal_terms_with_the_present_plan_bring_the_version_of_when_they_were_set(first, began):
    """Whichever came first, and whatever version the contract had until then."""
    made = account(began).at(SET)
    made = left(made) if first == "the change" else made
    made.update(renewal_terms={"contract_type": "basic", "from_term": 2})
    assert "template_version" not in made["renewal_terms"], "if it does not leave, it keeps its version"
    made = left(made) if first == "the terms" else made
    made.at("2027-08-01").advance()
    assert made["contract_type"] == "basic"
    assert fee_and_version(made) == (109, 2)


def test_set_under_the_first_version_they_bring_the_first():
    made = left(account().update(renewal_terms={"contract_type": "basic"}), at=THIRD[:4] + "-01-15")
    assert fee_and_version(made.at("2027-02-01").advance()) == (99, None)


def test_an_accepted_offer_brings_the_version_of_when_it_was_made():
    made = account().at(SET)
    made.send("offer_renewal", offer_id="o", terms={"contract_type": "basic"}, valid_until="2027-06-01")
    made.at("2026-08-01").send("accept_offer", offer_id="o")
    assert fee_and_version(left(made).at("2027-02-01").advance()) == (109, 2)


@pytest.mark.parametrize("again", ["withdrawn", "never left"])
def test_a_contract_that_did_not_leave_keeps_its_version(again):
    made = account().at(SET).update(renewal_terms={"contract_type": "basic"})
    if again == "withdrawn":
        left(made).send("withdraw_change", change_id="away")
    assert fee_and_version(made.at("2027-02-01").advance()) == (99, None)
    assert "terms_version" not in made.contract["lifecycle"]


def test_at_creation():
    terms = {"contract_type": "basic", "uplift_percent": 10}
    made = left(account(SECOND, renewal_terms=terms))
    assert made.at("2027-01-31").notices == []
    assert fee_and_version(made.at("2027-06-02").advance()) == (119.9, 2)


@pytest.mark.parametrize("gone", ["removed", "replaced", "by a change of plan"])
def test_what_is_no_longer_agreed_is_not_remembered(gone):
    made = account().at(SET).update(renewal_terms={"contract_type": "basic", "uplift_percent": 1})
    assert made.contract["lifecycle"]["terms_version"] == 2
    if gone == "removed":
        made.update(renewal_terms=None)
    elif gone == "replaced":
        made.update(renewal_terms={"contract_type": "enterprise"})
    else:
        made.change_plan("professional", effective="at_renewal")
    assert "terms_version" not in made.contract["lifecycle"]


def test_the_notice_names_the_fee_of_that_version():
    made = left(account().at(SET).update(renewal_terms={"contract_type": "basic"}))
    made.at("2026-12-31").advance()
    assert made.notices[0]["next_term"]["monthly_total"] == 109


def test_a_plan_change_repeated_under_a_later_version_is_the_same():
    made = account().change_plan("professional", effective="at_renewal")
    made.at(SET).change_plan("professional", effective="at_renewal")
    assert isinstance(made.verdict.outcome, Unchanged)
    assert fee_and_version(made.at(END).advance()) == (299, None)


def test_another_request_has_the_version_in_force():
    made = account().change_plan("professional", effective="at_renewal").at(SET)
    made.change_plan("professional", effective="at_renewal", overrides={"features": ["own"]})
    assert made["scheduled_changes"][0]["template_version"] == 2
    made.change_plan("professional", effective="at_renewal", template_version=1)
    assert made["scheduled_changes"][0]["template_version"] == 1
    made.change_plan("professional", effective="at_renewal")
    assert made["scheduled_changes"][0]["template_version"] == 2, "one that names no version asks for today's"


@pytest.mark.parametrize("plan", ["basic", "enterprise"])
@pytest.mark.parametrize("first", ["2026-02-01", SET])
def test_renewal_terms_repeated_under_a_later_version_are_the_same(plan, first):
    terms = {"contract_type": plan, "term_months": 6}
    made = account(term_months=36).at(first).update(renewal_terms=terms)
    agreed = made.contract
    made.at({"2026-02-01": SET, SET: THIRD}[first])
    made.update(renewal_terms=terms)
    assert isinstance(made.verdict.outcome, Unchanged)
    assert made.contract == agreed
    assert made.update(renewal_terms=terms | {"term_months": 3}).told == ["updated"]


def test_an_adopted_contract_remembers_only_a_version_that_can_come():
    made = account().at(SET).update(renewal_terms={"contract_type": "basic"})
    data = as_json(exported(made.contract))
    del data["account_id"]
    adopted = Account(SET, POLICY).send("adopt", **data)
    assert fee_and_version(left(adopted).at("2027-02-01").advance()) == (109, 2)
    data["lifecycle"]["terms_version"] = 9
    assert Account(SET, POLICY).send("adopt", **data).mistakes.keys() == {"/lifecycle/terms_version"}
    data["lifecycle"]["terms_version"] = 2
    del data["renewal_terms"]
    assert Account(SET, POLICY).send("adopt", **data).mistakes.keys() == {"/lifecycle/terms_version"}


def test_a_request_repeated_after_a_change_of_plan_is_unchanged():
    """The version that the first one was given counts, whatever plan the contract has by now."""
    professional = {"terms": {"contract_type": "professional"}, "valid_until": "2027-06-01"}
    basic = {"terms": {"contract_type": "basic"}, "valid_until": "2027-06-01"}
    planned = {"kind": "plan_change", "at": "2026-12-01", "contract_type": "professional", "change_id": "p"}
    made = account().at(SET)
    made.send("offer_renewal", offer_id="o", **professional)
    made.send("offer_renewal", offer_id="b", **basic)
    made.send("schedule_change", **planned)
    made.change_plan(contract_type="professional", effective="immediately")
    for name, data in [
        ("offer_renewal", {"offer_id": "o", **professional}),
        ("offer_renewal", {"offer_id": "b", **basic}),
        ("schedule_change", planned),
    ]:
        assert isinstance(made.send(name, **data).verdict.outcome, Unchanged), name

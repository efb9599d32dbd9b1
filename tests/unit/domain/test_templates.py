"""Templates by version: the one in force at the record time counts, and a contract keeps its own."""

from __future__ import annotations

import pytest

from consumer.domain.model import Policy, Unchanged
from tests.unit.domain.catalogues import POLICY, SECOND, THIRD
from tests.unit.domain.story import Account

BEFORE, END = "2026-01-31", "2027-01-31"


def account(at: str = BEFORE, contract_type: str = "basic", **data) -> Account:
    return Account(at, POLICY).create(contract_type=contract_type, **data)


@pytest.mark.parametrize(
    ("at", "fee", "version"),
    [
        (BEFORE, 99, None),
        ("2026-05-31T23:59:59.999+00:00", 99, None),
        (SECOND, 109, 2),
        ("2027-02-28T23:59:59.999+00:00", 109, 2),
        (THIRD, 119, 3),
        ("2040-01-01", 119, 3),
    ],
)
def test_a_new_contract_copies_the_version_in_force(at, fee, version):
    made = account(at)
    assert made["base_monthly_fee"] == fee
    assert made.contract.get("template_version") == version, "the first is left out"


def test_a_custom_contract_has_no_version():
    terms = {"base_monthly_fee": 5, "usage_limits": {"max_monthly_trades": 5}, "term_months": 12}
    assert "template_version" not in account(SECOND, "custom", **terms).contract


def test_later_versions_change_no_contract():
    made = account().at("2027-03-31").advance()
    assert made.told[-1] == "renewed"
    assert (made["base_monthly_fee"], made.contract.get("template_version")) == (99, None)


def test_without_a_file_there_is_only_the_first():
    made = Account("2040-01-01", Policy()).create(contract_type="basic")
    assert (made["base_monthly_fee"], made.contract.get("template_version")) == (99, None)


def test_an_update_cannot_set_it():
    made = account().update(template_version=2)
    assert made.refused == "protected_field"


def test_a_change_of_plan_brings_the_version_in_force():
    changed = account().at("2026-07-01").change_plan("professional")
    assert (changed["base_monthly_fee"], changed["template_version"]) == (309, 2)


def test_the_same_plan_keeps_its_version():
    same = account().at("2026-07-01").change_plan("basic", overrides={"features": ["own"]})
    assert (same["base_monthly_fee"], same.contract.get("template_version")) == (99, None)
    assert isinstance(same.change_plan("basic").verdict.outcome, Unchanged)


def test_the_same_plan_in_a_named_version_is_another():
    moved = account().at("2026-07-01").change_plan("basic", template_version=2)
    assert moved.told == ["plan_changed"]
    assert (moved["base_monthly_fee"], moved["template_version"]) == (109, 2)
    assert moved["usage_limits"]["max_monthly_trades"] == 20_000
    assert moved.changes[0].recurring["movement"] == "expansion"
    assert isinstance(moved.change_plan("basic", template_version=2).verdict.outcome, Unchanged)
    back = moved.change_plan("basic", template_version=1)
    assert (back["base_monthly_fee"], back.contract.get("template_version")) == (99, None)


def test_to_custom_the_version_goes():
    custom = account(SECOND).change_plan("custom")
    assert custom["base_monthly_fee"] == 109
    assert "template_version" not in custom.contract


@pytest.mark.parametrize(
    ("version", "contract_type", "why"),
    [
        (3, "basic", "is not in force before 2027-03-01T00:00:00Z: version 2 is"),
        (4, "basic", "is not in the catalogue of templates: version 2 is in force"),
        (1, "custom", "belongs to a plan with a template: custom has none"),
    ],
)
def test_a_named_version_must_be_or_have_been_in_force(version, contract_type, why):
    made = account(SECOND)
    assert made.change_plan(contract_type, template_version=version).mistakes == {"/template_version": why}
    terms = {"contract_type": contract_type, "template_version": version}
    assert made.update(renewal_terms=terms).mistakes == {"/changes/renewal_terms/template_version": why}
    offer = {"offer_id": "one", "terms": terms, "valid_until": END}
    assert made.send("offer_renewal", **offer).mistakes == {"/terms/template_version": why}
    new = Account(SECOND, POLICY).create(contract_type="basic", renewal_terms=terms)
    assert new.mistakes == {"/renewal_terms/template_version": why}


def test_a_version_without_a_plan_says_nothing():
    made = account(SECOND).update(renewal_terms={"template_version": 1, "uplift_percent": 3})
    assert made.mistakes == {
        "/changes/renewal_terms/template_version": "belongs to a plan: give contract_type, too"
    }


@pytest.mark.parametrize("scanned", [[END], ["2027-03-31"], ["2027-02-15", "2027-03-31"]])
def test_a_scheduled_plan_has_the_version_in_force_when_it_was_asked_for(scanned):
    """Whenever the scanner comes: also when a third version is in force by then."""
    made = account().at("2026-07-01").change_plan("professional", effective="at_renewal")
    assert made["scheduled_changes"][0]["template_version"] == 2
    for at in scanned:
        made.at(at).advance()
    assert (made["base_monthly_fee"], made["template_version"]) == (309, 2)


def test_a_plan_scheduled_under_the_first_version_stays_there():
    made = account().change_plan("professional", effective="at_renewal").at(THIRD).advance()
    assert (made["base_monthly_fee"], made.contract.get("template_version")) == (299, None)


@pytest.mark.parametrize("moved_on", ["by a change before it", "now"])
def test_back_to_a_plan_that_was_left_since_is_in_the_version_in_force_when_it_was_asked_for(moved_on):
    """It names no version: the contract had that plan when the change was scheduled."""
    made = account().at("2026-07-01")
    plan = {"kind": "plan_change", "contract_type": "basic"}
    made.send("schedule_change", from_term=3, **plan)
    if moved_on == "now":
        made.change_plan("enterprise")
    else:
        made.send("schedule_change", at_renewal=True, **plan | {"contract_type": "enterprise"})
    made.at("2028-02-01").advance()
    assert (made["base_monthly_fee"], made.contract.get("template_version")) == (109, 2)


def test_a_change_repeated_under_a_later_version_is_the_same():
    made = account()
    for at in (BEFORE, "2026-07-01"):
        made.at(at).send(
            "schedule_change", change_id="p", kind="plan_change", contract_type="enterprise", from_term=2
        )
    assert isinstance(made.verdict.outcome, Unchanged)


def test_a_notice_says_what_the_scheduled_version_will_cost():
    made = account().at("2026-07-01").change_plan("basic", template_version=2, effective="at_renewal")
    made.at("2026-12-31").advance()
    assert made.notices[0]["next_term"]["monthly_total"] == 109


@pytest.mark.parametrize("answered", ["2026-12-31", "2027-01-30"])
def test_an_offer_brings_the_version_in_force_when_it_was_made(answered):
    made = account().send(
        "offer_renewal", offer_id="one", terms={"contract_type": "professional"}, valid_until=END
    )
    assert made.at(answered).send("accept_offer", offer_id="one").applied
    made.at("2027-03-31").advance()
    assert (made["base_monthly_fee"], made.contract.get("template_version")) == (299, None)


def test_an_offer_repeated_under_a_later_version_is_the_same():
    offer = {"offer_id": "one", "terms": {"contract_type": "professional"}, "valid_until": END}
    made = account().send("offer_renewal", **offer)
    assert isinstance(made.at("2026-07-01").send("offer_renewal", **offer).verdict.outcome, Unchanged)


@pytest.mark.parametrize("effective", ["immediately", "at_renewal"])
def test_renewal_terms_may_name_a_version(effective):
    terms = {"contract_type": "basic", "template_version": 2}
    made = account().at("2026-07-01").send("offer_renewal", offer_id="one", terms=terms, valid_until=END)
    made.send("accept_offer", offer_id="one", effective=effective).at("2027-02-01").advance()
    assert (made["base_monthly_fee"], made["template_version"]) == (109, 2)


def test_renewal_terms_keep_the_version_of_their_time():
    made = account().at("2026-07-01").update(renewal_terms={"contract_type": "enterprise"})
    assert made["renewal_terms"]["template_version"] == 2
    made.at(THIRD).advance()
    assert (made["base_monthly_fee"], made["template_version"]) == (1009, 2)


def test_limits_are_covered_by_a_plan_of_the_catalogue_in_force():
    """12,000 trades need a professional contract of version 1, or a basic one of version 2."""
    early = account().at("2026-05-31T23:00:00").used(12_000)
    assert early.reached[0]["covering_plan"]["contract_type"] == "professional"
    late = account().at("2026-06-30T23:00:00").used(12_000)
    assert late.reached[0]["covering_plan"] == {
        "contract_type": "basic",
        "template_version": 2,
        "base_monthly_fee": 109,
        "difference": 10,
    }


def test_an_adopted_contract_has_the_version_it_says():
    data = {
        "contract_id": "old",
        "contract_type": "basic",
        "status": "active",
        "start_date": BEFORE,
        "end_date": END,
        "base_monthly_fee": 5,
        "usage_limits": {},
    }
    made = Account(SECOND, POLICY).send("adopt", **data)
    assert "template_version" not in made.contract
    assert Account(SECOND, POLICY).send("adopt", **data, template_version=2)["template_version"] == 2
    unknown = Account(SECOND, POLICY).send(
        "adopt", **data, template_version=3, renewal_terms={"contract_type": "basic", "template_version": 9}
    )
    assert set(unknown.mistakes) == {"/template_version", "/renewal_terms/template_version"}

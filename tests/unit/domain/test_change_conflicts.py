"""Which scheduled changes do not go together, and which do; and phases of a new contract."""

from __future__ import annotations

import pytest

from tests.unit.domain.story import Account, as_json, instant

START, END = "2026-01-31", "2027-01-31"


def account(**terms) -> Account:
    return Account(START).create(**{"contract_type": "basic"} | terms)


def change(to: Account, id_: str, kind: str, **more) -> Account:
    return to.send("schedule_change", change_id=id_, kind=kind, **more)


PLAN = {"kind": "plan_change", "contract_type": "enterprise"}
FEE = {"kind": "amendment", "changes": {"base_monthly_fee": 5}}
LIMIT = {"kind": "amendment", "changes": {"usage_limits": {"max_monthly_trades": 5}}}
OTHER_LIMIT = {"kind": "amendment", "changes": {"usage_limits": {"max_trade_value": 5}}}
WITH_FEE = PLAN | {"overrides": {"base_monthly_fee": 6}}
END_IT = {"kind": "cancellation"}
NEXT, LATER, SAME = {"at_renewal": True}, {"from_term": 3}, {"at": END}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (PLAN | NEXT, PLAN | NEXT),
        (PLAN | NEXT, PLAN | SAME),
        (FEE | NEXT, FEE | {"from_term": 2}),
        (FEE | NEXT, WITH_FEE | SAME),
        (WITH_FEE | NEXT, FEE | NEXT),
        (LIMIT | NEXT, LIMIT | NEXT),
        (END_IT | NEXT, FEE | NEXT),
        (END_IT | NEXT, PLAN | LATER),
        (FEE | LATER, END_IT | NEXT),
        (PLAN | NEXT, END_IT | SAME),
        (END_IT | NEXT, END_IT | LATER),
        (END_IT | LATER, END_IT | {"at": "2026-05-01"}),
    ],
)
def test_these_do_not_go_together(first, second):
    contract = account().send("schedule_change", change_id="one", **first)
    before = contract.contract
    contract.send("schedule_change", change_id="two", **second)
    assert contract.refused == "change_conflict"
    message = contract.verdict.outcome.message
    assert "one" in message
    assert "two" in message
    assert contract.contract is before


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (PLAN | NEXT, PLAN | LATER),
        (PLAN | NEXT, FEE | NEXT),
        (FEE | NEXT, FEE | LATER),
        (LIMIT | NEXT, OTHER_LIMIT | NEXT),
        (WITH_FEE | NEXT, LIMIT | NEXT),
        (FEE | NEXT, END_IT | LATER),
        (END_IT | LATER, PLAN | NEXT),
    ],
)
def test_these_do(first, second):
    contract = account().send("schedule_change", change_id="one", **first)
    assert contract.send("schedule_change", change_id="two", **second).told == ["change_scheduled"]


def test_an_amendment_at_the_moment_of_a_plan_change_is_of_the_new_plan():
    contract = account().send("schedule_change", **FEE | NEXT).send("schedule_change", **PLAN | NEXT)
    contract.at(END).advance()
    assert (contract["contract_type"], as_json(contract["base_monthly_fee"])) == ("enterprise", 5)


def test_another_change_under_an_id_that_is_taken_is_refused():
    contract = account().send("schedule_change", change_id="one", **FEE | NEXT)
    assert contract.send("schedule_change", change_id="one", **LIMIT | LATER).refused == "change_conflict"


def test_the_commands_of_before_see_what_else_is_scheduled():
    contract = account().send("schedule_change", change_id="p", **PLAN | NEXT)
    assert contract.change_plan("professional", effective="at_renewal").refused == "change_conflict"
    contract.send("withdraw_change", change_id="p").send("schedule_change", change_id="c", **END_IT | LATER)
    contract.cancel(effective="end_of_term")
    assert contract.refused == "change_conflict"
    assert "cancellation" in contract.verdict.outcome.message
    contract = account().send("schedule_change", change_id="a", **FEE | NEXT).cancel(effective="end_of_term")
    assert contract.told == ["cancellation_scheduled"], "what comes after it waits, as a plan change does"
    assert contract.send("schedule_change", change_id="b", **LIMIT | NEXT).refused == "change_conflict"
    contract.send("withdraw_cancellation").at(END).advance()
    assert as_json(contract["base_monthly_fee"]) == 5


def test_twenty_may_be_scheduled():
    contract = account()
    for number in range(20):
        fee = {"base_monthly_fee": number}
        assert change(contract, str(number), "amendment", at=f"2026-04-{number + 1:02d}", changes=fee).applied
    assert change(contract, "x", "amendment", at="2026-05-01", changes=fee).refused == "invalid_terms"
    assert change(contract.send("withdraw_change", change_id="0"), "x", "cancellation", from_term=9).applied


@pytest.mark.parametrize(
    ("command", "data"),
    [
        ("change_plan", {"contract_type": "enterprise", "effective": "at_renewal"}),
        ("cancel", {"effective": "end_of_term"}),
    ],
)
def test_twenty_with_those_of_other_commands(command, data):
    contract = account()
    for number in range(19):
        fee = {"base_monthly_fee": number}
        change(contract, str(number), "amendment", at=f"2026-04-{number + 1:02d}", changes=fee)
    assert contract.send(command, **data).applied, "the twentieth"
    contract.send("withdraw_change", change_id="plan_change" if command == "change_plan" else "cancellation")
    change(contract, "x", "amendment", at="2026-05-01", changes=fee)
    assert contract.send(command, **data).refused == "invalid_terms"
    contract.send("withdraw_change", change_id="x")
    assert contract.send(command, **data).applied
    other = {"overrides": {"base_monthly_fee": 5}} if command == "change_plan" else {"reason": "moved"}
    assert contract.send(command, **data, **other).applied, "it replaces the twentieth"


@pytest.mark.parametrize(
    ("data", "mistake"),
    [
        (FEE, ""),
        (FEE | NEXT | LATER, "/from_term"),
        (FEE | {"at": "2026-01-31"}, "/at"),
        (FEE | {"at": "2025-05-01"}, "/at"),
        ({"kind": "amendment"} | NEXT, "/changes"),
        ({"kind": "amendment", "changes": {}} | NEXT, "/changes"),
        ({"kind": "plan_change"} | NEXT, "/contract_type"),
        (END_IT | {"changes": {"term_months": 1}} | NEXT, "/changes"),
        (FEE | {"contract_type": "basic"} | NEXT, "/contract_type"),
        (
            PLAN | {"overrides": {"add_ons": [{"name": "a", "monthly_fee": 1}] * 2}} | NEXT,
            "/overrides/add_ons/1/name",
        ),
        (FEE | {"change_id": "plan_change"} | NEXT, "/change_id"),
    ],
)
def test_what_makes_no_sense_is_refused(data, mistake):
    contract = account().send("schedule_change", **data)
    assert contract.refused == "invalid_terms"
    assert contract.mistakes.keys() == {mistake}


def test_a_term_that_has_begun_is_refused():
    contract = account().at("2027-03-01").send("schedule_change", **FEE, from_term=2)
    assert contract.mistakes == {"/from_term": "has begun: the next one to begin is 3"}


def test_a_contract_brings_its_phases():
    ramp = [
        FEE | {"at": "2026-04-30"},
        {"kind": "amendment", "from_term": 2, "changes": {"base_monthly_fee": 10}},
        {"change_id": "third", "kind": "amendment", "from_term": 3, "changes": {"base_monthly_fee": 20}},
        END_IT | {"from_term": 4},
    ]
    contract = account(base_monthly_fee=1, phases=ramp)
    assert contract.told == ["created"]
    ids = [each["change_id"] for each in contract["scheduled_changes"]]
    assert ids[2] == "third"
    assert [each[-2:] for each in ids[:2]] == ["_1", "_2"]
    assert ids[0][:-2] == ids[1][:-2]
    contract.at("2030-01-01").advance()
    assert [
        as_json(each.contract["base_monthly_fee"]) for each in contract.changes if each.change == "amended"
    ] == [*(5, 10, 20)]
    assert contract["cancelled_at"] == instant("2029-01-31")


def test_phases_that_do_not_go_together_or_break_a_rule_make_no_contract():
    assert account(phases=[FEE | NEXT, FEE | NEXT]).refused == "change_conflict"
    contract = account(start_date="2026-03-01", phases=[FEE | {"at": "2026-02-15"}, END_IT])
    assert contract.mistakes.keys() == {"/phases/0/at", "/phases/1"}
    assert contract.contract is None


def test_phases_of_a_draft_move_with_its_start():
    draft = account(status="draft", phases=[FEE | {"at": "2026-02-15"}, LIMIT | NEXT])
    assert [f"{each['effective_at']:%Y-%m-%d}" for each in draft["scheduled_changes"]] == ["2026-02-15", END]
    draft.at("2026-03-10").activate()
    assert draft.told == ["activated", "amended"]
    assert draft.changes[1].effective_at == draft["start_date"] == instant("2026-03-10")
    assert draft.changes[1].proration is None
    assert draft["scheduled_changes"][0]["effective_at"] == instant("2027-03-10")

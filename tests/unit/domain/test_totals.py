"""Fee and add-ons together are an amount of money, now and on all terms that are agreed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consumer.domain.decider import decide
from consumer.domain.model import Applied, Changed
from consumer.domain.terms import exact_total
from tests.unit.domain.story import Account, command

START, END = "2026-01-31", "2027-01-31"
MUCH = 99_999_999_999_999
TINY = [{"name": "support", "monthly_fee": 0.0001}]
MANY_DIGITS = (
    "fee and active add-ons would be 99999999999999.0001 a month: more than an amount can be, 15 digits"
)


def basic(**more) -> Account:
    return Account(START).create(contract_type="basic", add_ons=TINY, **more)


def test_a_new_contract():
    account = basic(base_monthly_fee=MUCH)
    assert (account.refused, account.contract) == ("invalid_terms", None)
    assert account.mistakes == {"": MANY_DIGITS}
    large = [{"name": "desk", "monthly_fee": 1e15}]
    assert Account(START).create(contract_type="basic", base_monthly_fee=1e15, add_ons=large).refused


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("update", {"changes": {"base_monthly_fee": MUCH}}),
        ("update", {"changes": {"renewal_terms": {"base_monthly_fee": MUCH}}}),
        ("change_plan", {"contract_type": "basic", "overrides": {"base_monthly_fee": MUCH}}),
        (
            "change_plan",
            {
                "contract_type": "professional",
                "overrides": {"base_monthly_fee": MUCH},
                "effective": "at_renewal",
            },
        ),
        (
            "schedule_change",
            {
                "change_id": "dearer",
                "kind": "amendment",
                "changes": {"base_monthly_fee": MUCH},
                "from_term": 3,
            },
        ),
        (
            "offer_renewal",
            {
                "offer_id": "dearer",
                "terms": {"base_monthly_fee": MUCH},
                "valid_until": "2026-12-01T00:00:00Z",
            },
        ),
    ],
)
def test_a_command(name, data):
    account = basic()
    assert account.applied
    before = account.contract
    account.send(name, **data)
    assert (account.refused, account.contract) == ("invalid_terms", before)
    assert account.mistakes == {"": MANY_DIGITS}


def test_an_add_on_beside_what_is_scheduled():
    account = Account(START).create(contract_type="basic", renewal_terms={"base_monthly_fee": MUCH})
    assert account.applied
    assert account.update(add_ons=TINY).refused == "invalid_terms"
    assert account.update(add_ons=[TINY[0] | {"active": False}]).applied


def test_a_contract_of_an_older_release_can_still_be_changed_and_ended():
    account = basic()
    account.contract = account.contract | {"base_monthly_fee": Decimal(MUCH)}
    decided = [
        decide(account.contract, command(name, data, 9), account.now, account.policy)
        for name, data in (
            ("cancel", {"effective": "end_of_term"}),
            ("update", {"changes": {"notes": "as it was"}}),
            ("update", {"changes": {"base_monthly_fee": 1}}),
        )
    ]
    assert [verdict.outcome for verdict in decided] == [Applied()] * 3


MONEY = st.builds(
    lambda digits, places: Decimal(digits).scaleb(-places), st.integers(0, 10**15 - 1), st.integers(0, 4)
)


@given(fee=MONEY, add_on=MONEY, later=MONEY, uplift=st.integers(1, 100))
@example(fee=Decimal(4 * 10**14), add_on=Decimal(5), later=Decimal(5), uplift=100)
@example(fee=Decimal(4 * 10**14), add_on=Decimal(5), later=Decimal(9 * 10**14), uplift=10)
@example(fee=Decimal(52 * 10**9), add_on=Decimal("0.0001"), later=Decimal(7), uplift=40)
@settings(max_examples=50)
def test_uplifts_and_what_is_scheduled_after_them_stay_amounts(fee, add_on, later, uplift):
    """Account checks that each event fits its schema, which has the limits of money."""
    account = Account(START).create(
        contract_type="basic",
        base_monthly_fee=fee,
        add_ons=[{"name": "support", "monthly_fee": add_on}],
        renewal_terms={"uplift_percent": uplift},
    )
    if account.refused:
        return
    more = {"add_ons": [{"name": "desk", "monthly_fee": later}]}
    account.send("schedule_change", change_id="more", kind="amendment", changes=more, from_term=5)
    for _ in range(8):
        account.at(account["renewal_date"]).advance().at(account["end_date"]).advance()
        assert account["status"] == "active"
    assert account["term_number"] == 9
    for event in account.events:
        if isinstance(event, Changed):
            exact, told = exact_total(event.contract), event.recurring["after"]
            assert told == pytest.approx(min(exact, Decimal(10**15)), rel=Decimal("1e-14"))

"""Rules across fields: each mistake by its path, in words for whoever sent it."""

from __future__ import annotations

import pytest

from tests.unit.domain.story import Account

NOW = "2026-01-31"


def mistakes(**terms) -> dict[str, str]:
    """What is wrong with terms, the same in a create and in an update."""
    created = Account(NOW).create(contract_type="basic", **terms)
    updated = Account(NOW).create(contract_type="basic", status="draft").update(**terms)
    if created.applied:
        assert updated.refused is None
        return {}
    assert created.refused == updated.refused == "invalid_terms"
    assert {f"/changes{path}": message for path, message in created.mistakes.items()} == updated.mistakes
    return created.mistakes


def volume(*tiers) -> dict:
    named = [{"min_trades": low, "max_trades": high, "price_per_trade": 0.5} for low, high in tiers]
    return {"usage_based_pricing": {"trade_volume_tiers": named}}


def value(*tiers) -> dict:
    named = [{"min_value": low, "max_value": high, "percentage_fee": 0.5} for low, high in tiers]
    return {"usage_based_pricing": {"trade_value_tiers": named}}


@pytest.mark.parametrize("kind", [volume, value])
@pytest.mark.parametrize(
    "tiers",
    [
        [],
        [(0, None)],
        [(0, 10), (10, 20), (20, None)],
        [(5, 10), (12, 20)],
    ],
)
def test_tiers_are_half_open_and_sorted(kind, tiers):
    assert mistakes(**kind(*tiers)) == {}


@pytest.mark.parametrize(
    ("tiers", "path", "message"),
    [
        ([(0, 10), (9, 20)], "1/min_trades", "must not be less than 10, where the tier before ends"),
        ([(10, 20), (0, 10)], "1/min_trades", "must not be less than 20, where the tier before ends"),
        ([(10, 10)], "0/max_trades", "must be greater than min_trades, 10"),
        ([(10, 5)], "0/max_trades", "must be greater than min_trades, 10"),
        ([(0, None), (10, 20)], "0/max_trades", "only the last tier may be open"),
    ],
)
def test_tiers_that_overlap_or_end_before_they_start(tiers, path, message):
    assert mistakes(**volume(*tiers)) == {f"/usage_based_pricing/trade_volume_tiers/{path}": message}


def test_value_tiers_have_their_own_names():
    found = mistakes(**value((0, 10.5), (10.25, 10)))
    assert found == {
        "/usage_based_pricing/trade_value_tiers/1/min_value": (
            "must not be less than 10.5, where the tier before ends"
        ),
        "/usage_based_pricing/trade_value_tiers/1/max_value": "must be greater than min_value, 10.25",
    }


def test_all_tiers_are_looked_at():
    assert len(mistakes(**volume((5, 5), (0, None), (3, 2)))) == 4


def test_a_patch_of_one_list_of_tiers_keeps_the_other():
    account = Account(NOW).create(contract_type="basic", **volume((0, None)))
    account.update(**value((0, None)))
    assert set(account["usage_based_pricing"]) == {"trade_volume_tiers", "trade_value_tiers"}
    account.update(usage_based_pricing={"trade_volume_tiers": None})
    assert set(account["usage_based_pricing"]) == {"trade_value_tiers"}


def test_add_ons_have_names_of_their_own():
    add_ons = [{"name": name, "monthly_fee": 1} for name in ("a", "b", "a", "a")]
    assert mistakes(add_ons=add_ons) == {
        "/add_ons/2/name": "is the name of another add-on, too: 'a'",
        "/add_ons/3/name": "is the name of another add-on, too: 'a'",
    }


@pytest.mark.parametrize("code", ["USD", "EUR", "JPY", "CHF", "XCG"])
def test_currencies_that_exist(code):
    assert mistakes(currency=code) == {}


@pytest.mark.parametrize("code", ["ABC", "XXX", "XTS", "ZZZ"])
def test_currencies_that_do_not(code):
    assert mistakes(currency=code) == {"/currency": f"is not a currency of ISO 4217: {code!r}"}


def test_metadata_has_at_most_50_entries_after_the_patch():
    account = Account(NOW).create(contract_type="basic", metadata={f"k{i}": "v" for i in range(50)})
    assert account.update(metadata={"k0": None, "new": "v"}).applied
    account.update(metadata={"one": "more", "and": "another"})
    assert account.mistakes == {"/changes/metadata": "may have 50 entries, and would have 52"}


def test_the_first_mistake_is_the_message():
    account = Account(NOW).create(contract_type="basic", currency="ABC", end_date=NOW)
    assert account.verdict.outcome.message == "/currency is not a currency of ISO 4217: 'ABC' (and 2 more)"

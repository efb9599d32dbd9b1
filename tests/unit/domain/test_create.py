"""`create`: a new contract from a template."""

from __future__ import annotations

from decimal import Decimal

import pytest

from consumer.domain.model import Policy
from tests.unit.domain.story import Account, instant

NOW = "2026-01-31T10:00:00"
CUSTOM = {
    "contract_type": "custom",
    "base_monthly_fee": 1234.5,
    "usage_limits": {"max_monthly_trades": 7},
    "end_date": "2027-06-30",
}


@pytest.mark.parametrize(
    ("contract_type", "fee", "seconds", "trades", "value", "features"),
    [
        ("basic", 99, 23, 10_000, 100_000, ["basic_analytics", "email_support"]),
        (
            "professional",
            299,
            20,
            50_000,
            500_000,
            ["advanced_analytics", "priority_support", "custom_dashboards", "api_access"],
        ),
        (
            "enterprise",
            999,
            15,
            100_000,
            1_000_000,
            ["enterprise_analytics", "dedicated_support", "custom_integrations", "white_label"],
        ),
    ],
)
def test_what_is_left_out_comes_from_the_template(contract_type, fee, seconds, trades, value, features):
    account = Account(NOW).create(contract_type=contract_type)
    assert account.told == ["created"]
    assert account["base_monthly_fee"] == fee
    assert account["features"] == features
    assert account["usage_limits"] == {
        "max_monthly_trades": trades,
        "max_trade_value": value,
        "sla_threshold_seconds": seconds,
    }


def test_a_contract_starts_now_for_a_year_unless_the_command_says_otherwise():
    account = Account(NOW).create(contract_type="basic")
    assert account["status"] == "active"
    assert account["start_date"] == account["term_start"] == instant(NOW)
    assert account["end_date"] == instant("2027-01-31T10:00:00")
    assert account["renewal_date"] == instant("2027-01-01T10:00:00")
    assert (account["term_months"], account["term_number"], account["version"]) == (12, 1, 1)
    assert account["auto_renewal"] is True
    assert account["currency"] == "USD"


def test_windows_and_grace_come_from_the_settings_and_are_then_the_contracts_own():
    policy = Policy(renewal_window_days=10, renewal_grace_days=5, notice_days=(20, 3))
    account = Account(NOW, policy).create(contract_type="basic")
    account.policy = Policy()
    account.at("2026-02-01").update(notes="later")
    assert account["renewal_window_days"] == 10
    assert account["renewal_grace_days"] == 5
    assert account["notice_days"] == [20, 3]


def test_given_terms_win_over_the_template():
    account = Account(NOW).create(
        contract_type="basic",
        base_monthly_fee=10.5,
        usage_limits={"max_concurrent_trades": 3, "max_monthly_trades": 5},
        features=[],
        tags=["vip"],
        metadata={"a": "b"},
    )
    assert account["base_monthly_fee"] == Decimal("10.5")
    assert account["usage_limits"]["max_concurrent_trades"] == 3
    assert account["usage_limits"]["max_monthly_trades"] == 5
    assert account["usage_limits"]["sla_threshold_seconds"] == 23
    assert account["features"] == []


def test_the_ids_come_from_the_command_so_a_replay_makes_the_same():
    first, second = (Account(NOW).create(contract_type="basic") for _ in range(2))
    assert first["contract_id"] == second["contract_id"]
    assert first["_id"] == second["_id"]
    day, time, identity = first["contract_id"].removeprefix("contract_").split("_")
    assert (day, time, len(identity)) == ("20260131", "100000", 12)
    assert int.from_bytes(first["_id"][:4], "big") == instant(NOW).timestamp()
    assert first["_id"][4:].hex().startswith(identity)


def test_it_knows_who_asked():
    account = Account(NOW).create(contract_type="basic", requested_by="ada")
    assert account["created_by"] == account["last_modified_by"] == account.changes[0].by == "ada"
    account = Account(NOW).create(contract_type="basic")
    assert account["created_by"] == "crm"


def test_it_may_start_later():
    account = Account(NOW).create(contract_type="basic", start_date="2026-05-01")
    assert account["status"] == "active"
    assert account["end_date"] == instant("2027-05-01")


def test_given_only_an_end_the_term_is_the_months_between():
    account = Account(NOW).create(contract_type="basic", start_date="2026-02-01", end_date="2026-08-03")
    assert account["term_months"] == 6


@pytest.mark.parametrize(("end_date", "months"), [("2026-02-02", 1), ("2056-02-01", 120)])
def test_a_term_has_1_to_120_months_whatever_the_first_one_has(end_date, months):
    account = Account(NOW).create(contract_type="basic", start_date="2026-02-01", end_date=end_date)
    assert account["term_months"] == months
    assert account["end_date"] == instant(end_date)


def test_a_given_end_stands_beside_given_term_months():
    account = Account(NOW).create(contract_type="basic", end_date="2026-08-15", term_months=3)
    account.at("2026-08-15").advance()
    assert account["term_start"] == instant("2026-08-15")
    assert account["end_date"] == instant("2026-11-15")


def test_a_renewal_window_is_capped_at_half_the_term():
    account = Account(NOW).create(contract_type="basic", start_date="2026-02-01", end_date="2026-02-11")
    assert account["renewal_date"] == instant("2026-02-06")


def test_a_contract_created_inside_its_windows_is_told_of_at_once():
    account = Account("2026-12-25").create(
        contract_type="basic", start_date="2026-01-01", end_date="2027-01-01"
    )
    assert account.told == ["created", "renewal_started", "notice 7"]
    assert account["status"] == "pending_renewal"
    assert account.notices[0]["missed_windows"] == [90, 60, 30, 14]


def test_a_draft_waits():
    account = Account(NOW).create(contract_type="basic", status="draft")
    assert account["status"] == "draft"
    account.at("2030-01-01").advance()
    assert not account.applied
    assert account["status"] == "draft"


def test_a_draft_may_lie_in_the_past_for_its_term_moves_when_it_is_activated():
    account = Account(NOW).create(contract_type="basic", status="draft", start_date="2020-01-01")
    assert account.applied


def test_a_custom_contract_brings_its_own_terms():
    account = Account(NOW).create(**CUSTOM)
    assert account.applied
    assert account["features"] == []
    account = Account(NOW).create(contract_type="custom")
    assert account.refused == "invalid_terms"
    assert set(account.mistakes) == {"/base_monthly_fee", "/usage_limits", "/end_date"}
    account = Account(NOW).create(contract_type="custom", currency="ABC", end_date="2020-01-01")
    assert set(account.mistakes) == {"/base_monthly_fee", "/usage_limits", "/currency", "/end_date"}
    account = Account(NOW).create(**{**CUSTOM, "end_date": "2027-06-30", "term_months": 6})
    assert account.applied


def test_an_end_lies_after_the_start_and_ahead():
    account = Account(NOW).create(contract_type="basic", start_date="2026-03-01", end_date="2026-03-01")
    assert account.mistakes["/end_date"].startswith("must be later than the start")
    account = Account(NOW).create(contract_type="basic", start_date="2025-03-01", end_date=NOW + "Z")
    assert account.mistakes["/end_date"].startswith("must lie ahead")
    account = Account(NOW).create(contract_type="basic", start_date="2025-01-01")
    assert account.mistakes["/start_date"].startswith("lies too far back")


def test_the_account_has_one_contract_until_it_ends():
    account = Account(NOW).create(contract_type="basic").create(contract_type="basic")
    assert account.refused == "contract_exists"
    assert account["contract_id"] in account.verdict.outcome.message


@pytest.mark.parametrize("ending", ["cancelled", "expired"])
def test_a_new_contract_takes_the_place_of_an_ended_one(ending):
    account = Account(NOW).create(contract_type="basic", auto_renewal=False)
    if ending == "cancelled":
        account.at("2026-03-01").cancel()
    old = account.contract["contract_id"]
    account.at("2027-03-01").create(contract_type="enterprise")
    assert account.applied
    assert account["version"] == 1
    assert account["contract_id"] != old
    assert account.verdict.former["contract_id"] == old
    assert account.verdict.former["status"] == ending
    expected = ["created"] if ending == "cancelled" else ["renewal_started", "expired", "created"]
    assert account.told == expected


def test_a_create_expects_no_version_and_names_no_id():
    assert Account(NOW).create(contract_type="basic", expected_version=0).applied
    assert Account(NOW).create(contract_type="basic", expected_version=1).refused == "version_conflict"
    assert Account(NOW).create(contract_type="basic", contract_id="x").refused == "contract_id_mismatch"

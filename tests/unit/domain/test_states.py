"""The table of transitions: all that it says happens, and nothing else."""

from __future__ import annotations

from typing import get_args

import pytest

from consumer.domain.transitions import TRANSITIONS, accepts
from schemas.commands import COMMANDS
from schemas.types import StatusName
from tests.unit.domain.story import Account

START, IN_WINDOW, END, LATER = "2026-01-31", "2027-01-10", "2027-01-31", "2027-02-05"
STATUSES = get_args(StatusName)

DATA = {
    "create": {"contract_type": "basic"},
    "update": {"changes": {"notes": "x"}},
    "change_plan": {"contract_type": "enterprise"},
    "report_usage": {"metric": "monthly_trades", "value": 1},
    "offer_renewal": {"offer_id": "o", "terms": {"uplift_percent": 1}, "valid_until": "2030-01-01"},
    "schedule_change": {
        "change_id": "c",
        "kind": "amendment",
        "at": "2030-01-01",
        "changes": {"features": []},
    },
    "withdraw_change": {"change_id": "c"},
    **{key: {"offer_id": "o"} for key in ("accept_offer", "decline_offer", "withdraw_offer")},
}
WHEN = {
    "status: draft": {"status": "draft"},
    "immediately": {"effective": "immediately"},
    "end_of_term": {"effective": "end_of_term"},
    "out of the renewal window": {"changes": {"end_date": "2028-01-01"}},
}


def data_of(name: str, account: Account) -> dict:
    data = DATA.get(name, {})
    return data | {"period": f"{account.now:%Y-%m}"} if name == "report_usage" else data


def account_in(status: str | None, *, auto_renewal: bool = False) -> Account:
    account = Account(START)
    if status is None:
        return account
    account.create(
        contract_type="basic", auto_renewal=auto_renewal, status="draft" if status == "draft" else "active"
    )
    if status == "cancelled":
        account.cancel()
    account.at({"pending_renewal": IN_WINDOW, "expired": LATER}.get(status, START)).advance()
    assert account["status"] == status
    return account


def adopted(status: str) -> Account:
    end = {"expired": START, "pending_renewal": "2026-02-05"}.get(status, END)
    return Account(START).send(
        "adopt",
        contract_id="legacy",
        contract_type="basic",
        status=status,
        start_date="2025-01-31",
        end_date=end,
        base_monthly_fee=1,
        usage_limits={},
    )


def moved(source: str | None, trigger: str, target: str | None, when: str) -> Account:
    """An account on which what the row says has happened."""
    if trigger == "adopt":
        return adopted(target)
    account = account_in(source, auto_renewal=when == "auto_renewal")
    if when == "cancellation scheduled":
        account.cancel(effective="end_of_term")
    if trigger in {"accept_offer", "decline_offer", "withdraw_offer"}:
        account.send("offer_renewal", **DATA["offer_renewal"])
    elif trigger == "withdraw_change":
        return _withdrawing_from(source, account)
    elif trigger.startswith("withdraw"):
        kind = {"cancellation": "cancel", "plan_change": "change_plan"}[trigger.removeprefix("withdraw_")]
        if source != "expired":
            later = {"cancel": "end_of_term", "change_plan": "at_renewal"}[kind]
            account.send(kind, **DATA.get(kind, {}), effective=later)
    if trigger in {"renewal_date", "end_date"}:
        return account.at(account[trigger]).advance()
    return account.send(trigger, **data_of(trigger, account) | WHEN.get(when, {}))


def _withdrawing_from(source: str | None, account: Account) -> Account:
    """A change is scheduled while the contract runs: on one that has expired it can only wait."""
    if source == "expired":
        account = account_in("active").send("schedule_change", **DATA["schedule_change"]).at(LATER).advance()
    else:
        account.send("schedule_change", **DATA["schedule_change"])
    return account.send("withdraw_change", change_id="c")


@pytest.mark.parametrize(
    "row", TRANSITIONS, ids=lambda row: f"{row.source}-{row.trigger}-{row.target}-{row.when}"
)
def test_every_row_happens(row):
    account = moved(*row)
    assert account.refused is None
    assert (account.contract and account["status"]) == row.target


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in {"create", "adopt", "advance"}])
@pytest.mark.parametrize("status", STATUSES)
def test_what_no_row_says_is_refused(name, status):
    account = account_in(status)
    account.send(name, **data_of(name, account))
    assert (account.refused == "invalid_transition") == (not accepts(status, name))


def test_every_row_names_a_command_or_a_date():
    triggers = {each.trigger for each in TRANSITIONS}
    assert triggers == COMMANDS.keys() - {"advance"} | {"renewal_date", "end_date"}

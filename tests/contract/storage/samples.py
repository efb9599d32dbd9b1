"""Values to store: a contract with something in every field, history entries, positions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

from consumer.storage.history import NO_PAST, HistoryEntry, Past
from consumer.storage.protocols import BatchWrites, ContractWrite, LastRecord, Origin, Position
from schemas.contract import SCHEMA_VERSION

PARTITION = "contracts.commands/0"
ORIGIN = Origin("cluster", "group", 4)
FIRST = Position(PARTITION, ORIGIN, next=0)
DAY = datetime(2026, 3, 1, 12, 30, 15, 123000, UTC)


def named(name: str, length: int = 12) -> bytes:
    return sha256(name.encode()).digest()[:length]


def contract(account: str = "acme", **changes: Any) -> Any:
    whole: dict[str, Any] = {
        "_id": named(account),
        "contract_id": f"contract_20260301_123015_{named(account).hex()[:12]}",
        "account_id": account,
        "contract_type": "enterprise",
        "status": "active",
        "start_date": DAY,
        "end_date": DAY.replace(year=2027),
        "term_start": DAY,
        "term_number": 1,
        "renewal_date": DAY.replace(year=2027, month=2),
        "auto_renewal": True,
        "term_months": 12,
        "renewal_window_days": 30,
        "renewal_grace_days": 30,
        "notice_days": [90, 60, 30, 14, 7, 1],
        "base_monthly_fee": Decimal("999.00"),
        "currency": "USD",
        "usage_limits": {"max_monthly_trades": 100_000, "sla_threshold_seconds": Decimal("0.5")},
        "primary_contact": {"name": "Ann", "email": "ann@example.com"},
        "features": ["white_label"],
        "tags": [],
        "add_ons": [{"name": "extra", "monthly_fee": Decimal("0.0001"), "active": False}],
        "metadata": {"region": "emea"},
        "scheduled_changes": [],
        "created_at": DAY,
        "updated_at": DAY,
        "created_by": "/crm",
        "last_modified_by": "/crm",
        "version": 1,
        "lifecycle": {
            "schema_version": SCHEMA_VERSION,
            "offset": 0,
            "at": DAY,
            "next_action_at": None,
            "anchor_day": 1,
            "end_given": False,
            "noticed": None,
            "lapse_noticed": None,
            "size": 1_000,
        },
    }
    return whole | changes


def kept(**changes: Any) -> Any:
    """One event of an entry."""
    return {"change": "created", "version": 1, "effective_at": DAY, "fields": []} | changes


def entry(name: str = "one", **changes: Any) -> HistoryEntry:
    whole = HistoryEntry(
        identity=named(name, 16),
        partition=0,
        offset=0,
        occurred_at=DAY,
        outcome="applied",
        account_id="acme",
        contract_id="contract_1",
        version=1,
        type="create",
        source="/crm",
        command_id=name,
        changes=[kept()],
        content=named(name, 8),
    )
    return replace(whole, **changes)


def created(after: Any) -> ContractWrite:
    return ContractWrite(after["account_id"], None, after)


def changed(before: Any, after: Any) -> ContractWrite:
    return ContractWrite(before["account_id"], before, after)


def writes(
    *contracts: ContractWrite,
    former: Any = (),
    history: Any = (),
    rewritten: Past = NO_PAST,
    movements: Any = (),
) -> BatchWrites:
    return BatchWrites(contracts, former, history, rewritten, movements)


def at(offset: int, **changes: Any) -> Position:
    """The position after the record before `offset`."""
    last = LastRecord(offset - 1, 1_790_000_000_000 + offset, offset)
    return replace(FIRST, **{"next": offset, "last": last, "tallies": {"basic/active": offset}} | changes)

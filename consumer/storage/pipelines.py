"""Aggregation pipelines of the statistics. Each docstring names the index, or says what is read."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from consumer.domain.statuses import RUNNING, STATUSES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from schemas.types import StatusName

Stages = list["Mapping[str, Any]"]

_RUNNING: Final = {"$in": sorted(RUNNING)}

_ADD_ONS: Final = {
    "$sum": {
        "$map": {
            "input": {
                "$filter": {"input": "$add_ons", "as": "each", "cond": {"$ne": ["$$each.active", False]}}
            },
            "as": "each",
            "in": "$$each.monthly_fee",
        }
    }
}

_MONTHLY: Final = {"$sum": {"$add": ["$base_monthly_fee", _ADD_ONS]}}

# Written with `$map`: not every server reads `$scheduled_changes.kind` as the kinds of all elements.
_ENDS_IT: Final = {
    "$and": [{"$eq": ["$$each.kind", "cancellation"]}, {"$lte": ["$$each.effective_at", "$end_date"]}]
}
_ENDING: Final = {"$map": {"input": "$scheduled_changes", "as": "each", "in": _ENDS_IT}}
_LAPSES: Final = {"$or": [{"$eq": ["$auto_renewal", False]}, {"$in": [True, _ENDING]}]}

_NOT_PRUNED: Final = {"account_id": {"$exists": True}}
"""Entries that are not pruned: the condition of the index on their time."""

_STATUS_BEFORE: Final = {
    "$arrayElemAt": [
        {
            "$map": {
                "input": {
                    "$filter": {
                        "input": "$changes.fields",
                        "as": "each",
                        "cond": {"$eq": ["$$each.path", "/status"]},
                    }
                },
                "as": "each",
                "in": "$$each.before",
            }
        },
        0,
    ]
}
"""The status before an unwound change, if the change set it."""

_TEXT: Final = {"$type": "string"}
"""The type of `changes` in an entry of version 0.1 that is not upgraded yet."""


def revenue(now: datetime) -> Stages:
    """Reads all running contracts, by the index on status."""
    return [
        {"$match": {"status": _RUNNING, "start_date": {"$lte": now}}},
        {
            "$group": {
                "_id": {"type": "$contract_type", "currency": "$currency"},
                "contracts": {"$sum": 1},
                "monthly": _MONTHLY,
            }
        },
        {"$sort": {"_id.type": 1, "_id.currency": 1}},
    ]


def ending(now: datetime, windows: Sequence[int]) -> Stages:
    """Reads the contracts that end within the largest window, by the index on status and end date."""
    ascending = sorted(windows)
    ends = [now + timedelta(days=days) for days in ascending]
    window = {
        "$switch": {
            "branches": [
                {"case": {"$lte": ["$end_date", end]}, "then": days}
                for days, end in zip(ascending, ends, strict=True)
            ]
        }
    }
    return [
        {"$match": {"status": _RUNNING, "end_date": {"$gt": now, "$lte": ends[-1]}}},
        {"$group": {"_id": {"window": window, "lapses": _LAPSES}, "contracts": {"$sum": 1}}},
    ]


def ending_months(after: datetime, until: datetime) -> Stages:
    """Reads the contracts that end in a span of time, by the index on status and end date."""
    by = {
        "month": {"$dateToString": {"format": "%Y-%m", "date": "$end_date"}},
        "lapses": _LAPSES,
        "contract_type": "$contract_type",
        "currency": "$currency",
    }
    return [
        {"$match": {"status": _RUNNING, "end_date": {"$gt": after, "$lte": until}}},
        {"$group": {"_id": by, "contracts": {"$sum": 1}, "monthly": _MONTHLY}},
    ]


def changes(start: datetime, end: datetime) -> Stages:
    """Reads the history since `start`: no change is recorded before it takes effect.

    Without an index on its time (see the retention setting), that is all of it. Entries of version 0.1 that
    were not upgraded are counted as a change without a name.
    """
    within = {"changes.change": {"$exists": True}, "changes.effective_at": {"$gte": start, "$lt": end}}
    return [
        {"$match": {"occurred_at": {"$gte": start}, **_NOT_PRUNED, "changes": {"$exists": True}}},
        {"$unwind": "$changes"},
        {"$match": {"$or": [within, {"changes": _TEXT}]}},
        {"$project": {"change": "$changes.change", "before": _STATUS_BEFORE}},
        {"$group": {"_id": {"change": "$change", "before": "$before"}, "times": {"$sum": 1}}},
    ]


def hidden_since(moment: datetime) -> Stages:
    """Changes since then that the last state of a contract does not show. Reads the history since then.

    Contracts that were deleted, drafts that were cancelled, and expired contracts that were renewed later;
    and entries of version 0.1 that are not upgraded, for which this is not known.
    """
    return [
        {
            "$match": {
                "occurred_at": {"$gt": moment},
                **_NOT_PRUNED,
                "outcome": "applied",
                "$or": [
                    {"type": "delete"},
                    {"type": "cancel", "changes": _status_was("draft")},
                    {"type": "renew", "changes": _status_was("expired")},
                    {"type": {"$in": ["cancel", "renew"]}, "changes": _TEXT},
                ],
            }
        },
        {"$project": {"_id": 0, "type": 1, "contract_id": 1, "changes": 1}},
    ]


def _status_was(status: StatusName) -> dict[str, Any]:
    return {"$elemMatch": {"fields": {"$elemMatch": {"path": "/status", "before": status}}}}


def still_runs(moment: datetime) -> dict[str, Any]:
    """Contracts that run, or ran when they were deleted, and had begun by then."""
    return {"status": _RUNNING, "start_date": {"$lte": moment}}


def ran_at(moment: datetime) -> Stages:
    """Contracts that have ended since."""
    began = {"start_date": {"$lte": moment}}
    return [
        {"status": name, status.ended_at: {"$gt": moment}, **began}
        for name, status in STATUSES.items()
        if status.ended_at is not None
    ]


def ran(row: Mapping[str, Any], moment: datetime) -> bool:
    """Whether the contract ran then: it was renewed from a later end. A cancelled draft never ran."""
    fields = [field for kept in row["changes"] for field in kept.get("fields", ())]
    ends = [field["before"] for field in fields if field["path"] == "/end_date"]
    return bool(row["type"] == "renew" and ends[-1] > moment)

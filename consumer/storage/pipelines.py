"""Aggregation pipelines of the statistics. Each says what it reads."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from consumer.domain.statuses import RUNNING, STATUSES
from schemas.contract import to_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

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

# Spelt out: not every server reads `$scheduled_changes.kind` as the kinds of all.
_SCHEDULED: Final = {"$map": {"input": "$scheduled_changes", "as": "each", "in": "$$each.kind"}}
_LAPSES: Final = {"$or": [{"$eq": ["$auto_renewal", False]}, {"$in": ["cancellation", _SCHEDULED]}]}

_TOLD: Final = {"account_id": {"$exists": True}}
"""Entries that were not stripped: the condition of the index on their time."""

_CHANGE: Final = (
    r'\{"change":"(\w+)","version":\d+,"effective_at":"([^"]*)Z","fields":\['
    r'(?:\{"path":"/status","before":"(\w+)")?'
)
"""The beginning of a change in `history.changes`: its name, when, and the status before if that changed.

No text of a contract can look like it: quotes inside JSON text are escaped, and `version` takes a number.
The status, where it changes, is the first field of these changes: see PLACES in schemas/contract.py.
"""


def revenue(now: datetime) -> Stages:
    """Reads all running contracts, by the index on status."""
    return [
        {"$match": {"status": _RUNNING, "start_date": {"$lte": now}}},
        {
            "$group": {
                "_id": {"type": "$contract_type", "currency": "$currency"},
                "contracts": {"$sum": 1},
                "monthly": {"$sum": {"$add": ["$base_monthly_fee", _ADD_ONS]}},
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


def changes(start: datetime, end: datetime) -> Stages:
    """Reads the history since `start`: nothing is recorded before it takes effect.

    Without an index on its time (see the retention setting), that is all of it.
    """
    return [
        {"$match": {"occurred_at": {"$gte": start}, **_TOLD, "changes": {"$exists": True}}},
        {"$project": {"found": {"$regexFindAll": {"input": "$changes", "regex": _CHANGE}}}},
        {"$unwind": "$found"},
        {
            "$project": {
                "change": {"$arrayElemAt": ["$found.captures", 0]},
                "at": {"$arrayElemAt": ["$found.captures", 1]},
                "before": {"$arrayElemAt": ["$found.captures", 2]},
            }
        },
        {"$match": {"at": {"$gte": _text(start), "$lt": _text(end)}}},
        {"$group": {"_id": {"change": "$change", "before": "$before"}, "times": {"$sum": 1}}},
    ]


def _text(moment: datetime) -> str:
    """A moment as `_CHANGE` finds it: such texts are in the order of time, as no `Z` follows the digits."""
    return to_json(moment).decode().strip('"').removesuffix("Z")


def hidden_since(moment: datetime) -> Stages:
    """What became of contracts since then that their last state does not tell. Reads the history since then.

    Deleted ones; cancelled drafts; and expired ones that were renewed later.
    """
    return [
        {
            "$match": {
                "occurred_at": {"$gt": moment},
                **_TOLD,
                "outcome": "applied",
                "$or": [
                    {"type": "delete"},
                    {"type": "cancel", "changes": {"$regex": '"path":"/status","before":"draft"'}},
                    {"type": "renew", "changes": {"$regex": '"path":"/status","before":"expired"'}},
                ],
            }
        },
        {"$project": {"_id": 0, "type": 1, "contract_id": 1, "changes": 1}},
    ]


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

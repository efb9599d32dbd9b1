"""The names that the command line completes and checks, apart from the shapes that they stand for.

Making the shapes costs ten times what the help of a command may cost.
"""

from __future__ import annotations

from typing import Literal

CommandName = Literal[
    "create",
    "adopt",
    "update",
    "activate",
    "change_plan",
    "withdraw_plan_change",
    "renew",
    "cancel",
    "withdraw_cancellation",
    "delete",
    "erase",
    "report_usage",
    "advance",
]
"""Those of COMMANDS in schemas/commands.py, in their order."""

EventName = Literal["changed", "expiring", "renewal_notice", "limit_reached", "command_result"]
"""Those of EVENTS in schemas/events.py, in their order."""

ContractTypeName = Literal["basic", "professional", "enterprise", "custom"]
StatusName = Literal["draft", "active", "pending_renewal", "expired", "cancelled"]
UsageMetric = Literal["monthly_trades", "trade_value", "concurrent_trades"]

Change = Literal[
    "created",
    "adopted",
    "updated",
    "activated",
    "plan_changed",
    "plan_change_scheduled",
    "plan_change_withdrawn",
    "renewed",
    "renewal_started",
    "cancellation_scheduled",
    "cancellation_withdrawn",
    "cancelled",
    "expired",
    "deleted",
    "erased",
]

DeadLetterCode = Literal[
    "malformed",
    "bad_envelope",
    "unknown_type",
    "key_mismatch",
    "wrong_partition",
    "schema_violation",
    "unreadable",
    "refused_by_database",
]
"""Why a record is not a command that can be applied at all."""

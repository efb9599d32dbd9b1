"""The names that the command line completes and checks, separate from the types behind them.

Building those types takes ten times as long as the help of a command may take.
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
    "offer_renewal",
    "accept_offer",
    "decline_offer",
    "withdraw_offer",
    "schedule_change",
    "withdraw_change",
    "advance",
]
"""The names in COMMANDS of schemas/commands.py, in their order."""

EventName = Literal["changed", "expiring", "renewal_notice", "limit_reached", "command_result"]
"""The names in EVENTS of schemas/events.py, in their order."""

ContractTypeName = Literal["basic", "professional", "enterprise", "custom"]
StatusName = Literal["draft", "active", "pending_renewal", "expired", "cancelled"]
Effective = Literal["immediately", "at_renewal"]
UsageMetric = Literal["monthly_trades", "trade_value", "concurrent_trades"]

Change = Literal[
    "created",
    "adopted",
    "updated",
    "activated",
    "plan_changed",
    "plan_change_scheduled",
    "plan_change_withdrawn",
    "change_scheduled",
    "change_withdrawn",
    "amended",
    "renewal_offered",
    "offer_accepted",
    "offer_declined",
    "offer_expired",
    "offer_withdrawn",
    "renewed",
    "renewal_started",
    "cancellation_scheduled",
    "cancellation_withdrawn",
    "cancelled",
    "expired",
    "deleted",
    "erased",
]

Movement = Literal["new", "expansion", "contraction", "churn", "reactivation", "none"]
"""How a change moves recurring revenue, in the terms of ChartMogul."""

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
"""Why a record is not a valid command."""

"""Every command by name: the one way from a command to what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from consumer.domain.commands import (
    activate,
    adopt,
    advance,
    cancel,
    change_plan,
    create,
    delete,
    erase,
    renew,
    report_usage,
    update,
    withdraw_cancellation,
    withdraw_plan_change,
)
from consumer.domain.opening import id_of
from schemas.completeness import complete
from schemas.names import CommandName

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from consumer.domain.handlers import Handler
    from consumer.domain.model import Command

HANDLERS: Final[Mapping[str, Handler]] = complete(
    {
        "create": create.HANDLER,
        "adopt": adopt.HANDLER,
        "update": update.HANDLER,
        "activate": activate.HANDLER,
        "change_plan": change_plan.HANDLER,
        "withdraw_plan_change": withdraw_plan_change.HANDLER,
        "renew": renew.HANDLER,
        "cancel": cancel.HANDLER,
        "withdraw_cancellation": withdraw_cancellation.HANDLER,
        "delete": delete.HANDLER,
        "erase": erase.HANDLER,
        "report_usage": report_usage.HANDLER,
        "advance": advance.HANDLER,
    },
    get_args(CommandName),
    "HANDLERS in consumer/domain/commands/table.py",
)

OPENING: Final = frozenset(name for name, handler in HANDLERS.items() if handler.opens)
"""These make a contract."""

BRINGING_ID: Final = frozenset(name for name, handler in HANDLERS.items() if handler.brings_id)
"""These may say under which id."""

ERASING: Final = frozenset(name for name, handler in HANDLERS.items() if handler.erases)
"""These take personal data out of the account's past. Who asked for it stays known, as its proof."""


def opened_id(command: Command, recorded_at: datetime) -> str:
    """The id that the contract gets which this command opens."""
    return id_of(command, recorded_at, brings_id=command.name in BRINGING_ID)

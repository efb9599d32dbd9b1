"""Every command by name. This is the only way from a command to its handler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from consumer.domain.commands import (
    accept_offer,
    activate,
    adopt,
    advance,
    cancel,
    change_plan,
    create,
    decline_offer,
    delete,
    erase,
    offer_renewal,
    renew,
    report_usage,
    schedule_change,
    update,
    withdraw_cancellation,
    withdraw_change,
    withdraw_offer,
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
        "offer_renewal": offer_renewal.HANDLER,
        "accept_offer": accept_offer.HANDLER,
        "decline_offer": decline_offer.HANDLER,
        "withdraw_offer": withdraw_offer.HANDLER,
        "schedule_change": schedule_change.HANDLER,
        "withdraw_change": withdraw_change.HANDLER,
        "advance": advance.HANDLER,
    },
    get_args(CommandName),
    "HANDLERS in consumer/domain/commands/table.py",
)

OPENING: Final = frozenset(name for name, handler in HANDLERS.items() if handler.opens)
"""Commands that create a contract."""

BRINGING_ID: Final = frozenset(name for name, handler in HANDLERS.items() if handler.brings_id)
"""Commands that may give the contract its id."""

ERASING: Final = frozenset(name for name, handler in HANDLERS.items() if handler.erases)
"""Commands that remove personal data from former contracts and history, except who requested that."""


def opened_id(command: Command, recorded_at: datetime) -> str:
    """The id of the contract that this command creates."""
    return id_of(command, recorded_at, brings_id=command.name in BRINGING_ID)

"""`delete`: remove the contract and keep its history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.domain.changing import Removal, on_contract
from consumer.domain.handlers import Move
from consumer.domain.statuses import STATUSES

if TYPE_CHECKING:
    from consumer.domain.changing import Result
    from consumer.domain.lifecycle import Moment
    from schemas.commands import DeleteData
    from schemas.contract import Contract


def delete(_contract: Contract, data: DeleteData, _moment: Moment) -> Result:
    """In any status."""
    return Removal("deleted", data.get("reason"))


HANDLER: Final = on_contract(delete, *(Move(status, None) for status in STATUSES))

"""`erase`: remove the personal data from the contract, from former contracts and from the history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.domain.changing import Effect, on_contract
from consumer.domain.erasure import erased
from consumer.domain.handlers import Move
from consumer.domain.statuses import STATUSES

if TYPE_CHECKING:
    from consumer.domain.changing import Result
    from consumer.domain.lifecycle import Moment
    from schemas.contract import Contract


def erase(contract: Contract, _data: object, _moment: Moment) -> Result:
    """Always a new version: its event proves that, and when, the data was erased."""
    lifecycle = contract["lifecycle"] | {"size": 0}
    return Effect("erased", erased(contract) | {"lifecycle": lifecycle})


HANDLER: Final = on_contract(erase, *(Move(status, status) for status in STATUSES), erases=True)

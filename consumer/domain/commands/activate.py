"""`activate`: a draft starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.domain.changing import Effect, on_contract
from consumer.domain.dates import iso
from consumer.domain.handlers import Move
from consumer.domain.mistakes import mistake, rejected
from consumer.domain.schedule import with_draft_term
from consumer.domain.scheduling import not_before

if TYPE_CHECKING:
    from consumer.domain.changing import Result
    from consumer.domain.lifecycle import Moment
    from schemas.contract import Contract


def activate(contract: Contract, _data: object, moment: Moment) -> Result:
    """Starts a draft at its start or now, whichever is later; a computed end moves with it."""
    after = contract | {"status": "active", "start_date": max(contract["start_date"], moment.now)}
    after = not_before(with_draft_term(after, {}), after["start_date"])
    if after["end_date"] > after["start_date"]:
        return Effect("activated", after)
    message = f"the draft's end_date, {iso(after['end_date'])}, is not after its start: move it first"
    return rejected("invalid_terms", [mistake(message)])


HANDLER: Final = on_contract(activate, Move("draft", "active"))

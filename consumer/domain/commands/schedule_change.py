"""`schedule_change`: a plan change, an amendment or a cancellation, for later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.domain.changing import Effect, on_contract
from consumer.domain.handlers import Move
from consumer.domain.mistakes import rejected
from consumer.domain.model import Rejected, Unchanged
from consumer.domain.phases import broken_phase, change_of, derived_id, with_change
from consumer.domain.planning import same
from consumer.domain.scheduling import scheduled
from consumer.domain.statuses import RUNNING, in_order

if TYPE_CHECKING:
    from consumer.domain.changing import Result
    from consumer.domain.lifecycle import Moment
    from schemas.commands import ScheduleChangeData
    from schemas.contract import Contract


_OWN_BYTES: Final = 400
"""Maximum size of the other parts of a scheduled change: dates, who requested it, a computed id.
Twenty of them are more than the slack of a contract's size."""


def schedule_change(contract: Contract, data: ScheduleChangeData, moment: Moment) -> Result:
    """Nothing else of the contract changes before it is due."""
    if errors := [*broken_phase(data, contract, moment)]:
        return rejected("invalid_terms", errors)
    change = change_of(data, contract, moment, data.get("change_id", derived_id(moment)))
    planned = scheduled(contract, change["change_id"])
    if planned and same(planned, change):
        return Unchanged("exactly this is already scheduled")
    after = with_change(contract, change)
    if isinstance(after, Rejected):
        return after
    lifecycle = after["lifecycle"] | {"size": after["lifecycle"]["size"] + _OWN_BYTES}
    return Effect("change_scheduled", after | {"lifecycle": lifecycle})


HANDLER: Final = on_contract(
    schedule_change,
    *(Move(status, status) for status in in_order({"draft", *RUNNING})),
    content=("change_id", "overrides", "changes", "reason"),
)

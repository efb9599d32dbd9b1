"""`adopt`: take a contract over from an older system, unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from consumer.domain import adoption, notices, rules
from consumer.domain.first_state import filled, terms_of
from consumer.domain.handlers import Move
from consumer.domain.mistakes import rejected
from consumer.domain.opening import opening
from consumer.domain.phases import derived_id
from consumer.domain.schedule import with_window
from consumer.domain.scheduling import with_due_times
from consumer.domain.statuses import RUNNING, STATUSES
from schemas.scheduled import with_ids

if TYPE_CHECKING:
    from consumer.domain.lifecycle import Moment
    from consumer.domain.model import Command, Policy, Rejected
    from schemas.contract import Continuation, Contract, Lifecycle
    from schemas.scheduled import ScheduledChange


def adopt(command: Command, moment: Moment, policy: Policy) -> Contract | Rejected:
    """Adds what is missing and changes nothing else."""
    terms = terms_of(command)
    contract = filled(command, moment, policy, terms, {"features": []})
    if "lifecycle" in command.data:
        contract = _continued(contract, command.data["lifecycle"])
    contract = cast("Contract", with_ids(cast("dict[str, Any]", _with_change_ids(contract, moment))))
    contract = contract if "renewal_date" in terms else with_window(contract)
    past = {"currency"} if adoption.keeps_past_currency(contract) else set()
    errors = rules.broken(contract, {name: terms[name] for name in terms if name not in past})
    errors += adoption.broken(contract, moment)
    errors += adoption.broken_lifecycle(contract, command.data, moment)
    if errors:
        return rejected("invalid_terms", errors)
    contract = with_due_times(contract)
    return contract if "lifecycle" in command.data else _noticed(contract, moment)


def _with_change_ids(contract: Contract, moment: Moment) -> Contract:
    """The contract with an id for each change that version 0.1 could not schedule: it has no id and no term.

    That version knew no amendments, and no changes for a later term than the next.
    """
    changes = [
        cast("ScheduledChange", {"change_id": derived_id(moment, i + 1), **each})
        if each["kind"] == "amendment" or "from_term" in each
        else each
        for i, each in enumerate(contract["scheduled_changes"])
    ]
    return contract | {"scheduled_changes": changes}


def _continued(contract: Contract, continuation: Continuation) -> Contract:
    """The contract with what only an export of this service has: sent notices, and the anchor day."""
    lifecycle = {**contract["lifecycle"], **continuation}
    return contract | {"lifecycle": cast("Lifecycle", lifecycle)}


def _noticed(contract: Contract, moment: Moment) -> Contract:
    """The contract with the windows that are already past marked, so that no notice is sent for them."""
    now = moment.now
    window = notices.next_window(contract, now)
    if contract["status"] not in RUNNING or window is None or notices.window_opens(contract, window) > now:
        return contract
    return notices.marked(contract, window, moment.catalogue)


HANDLER: Final = opening(adopt, "adopted", *(Move(None, status) for status in STATUSES), brings_id=True)

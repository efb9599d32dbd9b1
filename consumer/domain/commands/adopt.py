"""`adopt`: a contract taken over from an older system as it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from consumer.domain import adoption, notices, rules
from consumer.domain.first_state import filled, terms_of
from consumer.domain.handlers import Move
from consumer.domain.mistakes import rejected
from consumer.domain.opening import opening
from consumer.domain.schedule import with_window
from consumer.domain.statuses import RUNNING, STATUSES

if TYPE_CHECKING:
    from datetime import datetime

    from consumer.domain.lifecycle import Moment
    from consumer.domain.model import Command, Policy, Rejected
    from schemas.contract import Continuation, Contract, Lifecycle


def adopt(command: Command, moment: Moment, policy: Policy) -> Contract | Rejected:
    """Nothing is changed, only what is missing is filled in."""
    terms = terms_of(command)
    contract = filled(command, moment, policy, terms, {"features": []})
    contract = contract if "renewal_date" in terms else with_window(contract)
    past = {"currency"} if adoption.keeps_past_currency(contract) else set()
    errors = rules.broken(contract, {name: terms[name] for name in terms if name not in past})
    errors += adoption.broken(contract, moment.now)
    errors += adoption.broken_lifecycle(contract, command.data)
    if errors:
        return rejected("invalid_terms", errors)
    if "lifecycle" in command.data:
        return _continued(contract, command.data["lifecycle"])
    return _noticed(contract, moment.now)


def _continued(contract: Contract, continuation: Continuation) -> Contract:
    """The contract with what an export of ours tells: which windows were noticed, and which day is kept."""
    lifecycle = {**contract["lifecycle"], **continuation}
    return contract | {"lifecycle": cast("Lifecycle", lifecycle)}


def _noticed(contract: Contract, now: datetime) -> Contract:
    """The contract with the windows already past marked: they are not noticed again."""
    window = notices.next_window(contract, now)
    if contract["status"] not in RUNNING or window is None or notices.window_opens(contract, window) > now:
        return contract
    told = window if notices.lapses(contract) else None
    return contract | {"lifecycle": contract["lifecycle"] | {"noticed": window, "lapse_noticed": told}}


HANDLER: Final = opening(adopt, "adopted", *(Move(None, status) for status in STATUSES), brings_id=True)

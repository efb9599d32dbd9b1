"""The state machine of a contract, as data: checks, docs and tests read the same table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from schemas.types import StatusName


class Transition(NamedTuple):
    """What leads from one status to another, or is accepted in a status that it does not change.

    `source` or `target` None: there is no contract before or after. `trigger` is a command, or the
    contract's field that names the moment.
    """

    source: StatusName | None
    trigger: str
    target: StatusName | None
    when: str = ""


RUNNING: Final[frozenset[StatusName]] = frozenset({"active", "pending_renewal"})
"""Time passes for these only."""

ENDED: Final[frozenset[StatusName]] = frozenset({"expired", "cancelled"})
"""A new contract may take the place of these."""

TRANSITIONS: Final = (
    Transition(None, "create", "draft", "status: draft"),
    Transition(None, "create", "active"),
    Transition(None, "adopt", "draft"),
    Transition(None, "adopt", "active"),
    Transition(None, "adopt", "pending_renewal"),
    Transition(None, "adopt", "expired"),
    Transition(None, "adopt", "cancelled"),
    Transition("draft", "activate", "active"),
    Transition("draft", "cancel", "cancelled", "immediately"),
    Transition("draft", "update", "draft"),
    Transition("draft", "change_plan", "draft", "immediately"),
    Transition("draft", "erase", "draft"),
    Transition("draft", "delete", None),
    Transition("active", "renewal_date", "pending_renewal"),
    Transition("active", "cancel", "cancelled", "immediately"),
    Transition("active", "cancel", "active", "end_of_term"),
    Transition("active", "withdraw_cancellation", "active"),
    Transition("active", "renew", "active", "early, once per term"),
    Transition("active", "update", "active"),
    Transition("active", "change_plan", "active"),
    Transition("active", "withdraw_plan_change", "active"),
    Transition("active", "erase", "active"),
    Transition("active", "delete", None),
    Transition("pending_renewal", "end_date", "active", "auto_renewal"),
    Transition("pending_renewal", "end_date", "expired", "no auto_renewal"),
    Transition("pending_renewal", "end_date", "cancelled", "cancellation scheduled"),
    Transition("pending_renewal", "renew", "active"),
    Transition("pending_renewal", "update", "active", "out of the renewal window"),
    Transition("pending_renewal", "update", "pending_renewal"),
    Transition("pending_renewal", "cancel", "cancelled", "immediately"),
    Transition("pending_renewal", "cancel", "pending_renewal", "end_of_term"),
    Transition("pending_renewal", "withdraw_cancellation", "pending_renewal"),
    Transition("pending_renewal", "change_plan", "pending_renewal"),
    Transition("pending_renewal", "withdraw_plan_change", "pending_renewal"),
    Transition("pending_renewal", "erase", "pending_renewal"),
    Transition("pending_renewal", "delete", None),
    Transition("expired", "renew", "active", "within the grace period"),
    Transition("expired", "update", "expired"),
    Transition("expired", "withdraw_plan_change", "expired"),
    Transition("expired", "erase", "expired"),
    Transition("expired", "delete", None),
    Transition("cancelled", "update", "cancelled"),
    Transition("cancelled", "erase", "cancelled"),
    Transition("cancelled", "delete", None),
)

_ACCEPTED: Final = frozenset((each.source, each.trigger) for each in TRANSITIONS)


def accepts(status: StatusName, command: str) -> bool:
    """Whether a contract of this status takes the command at all."""
    return (status, command) in _ACCEPTED

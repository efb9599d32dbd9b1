"""The state machine of a contract, as data: for docs and tests, from the tables that the commands use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from consumer.domain.commands.table import HANDLERS
from consumer.domain.statuses import STATUSES

if TYPE_CHECKING:
    from schemas.types import StatusName


class Transition(NamedTuple):
    """A transition from one status to another, or a command that does not change the status.

    `source` or `target` None: there is no contract before or after. `trigger` is a command, or the field of
    the contract with the time.
    """

    source: StatusName | None
    trigger: str
    target: StatusName | None
    when: str = ""


_BY_TIME: Final = (
    Transition("active", "renewal_date", "pending_renewal"),
    Transition("pending_renewal", "end_date", "active", "auto_renewal"),
    Transition("pending_renewal", "end_date", "expired", "no auto_renewal"),
    Transition("pending_renewal", "end_date", "cancelled", "cancellation scheduled"),
)
"""The transitions that consumer/domain/lifecycle.py makes when they are due."""

_BY_COMMAND: Final = tuple(
    Transition(source, name, target, when)
    for name, handler in HANDLERS.items()
    for source, target, when in handler.moves
)

_ORDER: Final = (None, *STATUSES)

TRANSITIONS: Final = tuple(sorted((*_BY_TIME, *_BY_COMMAND), key=lambda each: _ORDER.index(each.source)))

_ACCEPTED: Final = frozenset((each.source, each.trigger) for each in TRANSITIONS)


def accepts(status: StatusName, command: str) -> bool:
    """Whether a contract of this status takes the command at all."""
    return (status, command) in _ACCEPTED

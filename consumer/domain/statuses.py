"""The statuses of a contract: one row each, from which every table over statuses is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple, get_args

from schemas.completeness import complete
from schemas.types import StatusName

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Phase = Literal["prepared", "running", "ended"]
Kind = Literal["plan_change", "cancellation"]


class Status(NamedTuple):
    """What is so for all contracts of a status.

    `phase`: time passes for what runs only; a new contract may take the place of one that has ended. What
    an update may change goes by it, too. `schedulable`: what may wait for the end of the term.
    """

    phase: Phase
    schedulable: frozenset[Kind] = frozenset()


STATUSES: Final[Mapping[StatusName, Status]] = complete(
    {
        "draft": Status("prepared"),
        "active": Status("running", frozenset({"plan_change", "cancellation"})),
        "pending_renewal": Status("running", frozenset({"plan_change", "cancellation"})),
        "expired": Status("ended", frozenset({"plan_change"})),  # for a renewal within the grace period
        "cancelled": Status("ended"),
    },
    get_args(StatusName),
    "STATUSES in consumer/domain/statuses.py",
)


def _in(phase: Phase) -> frozenset[StatusName]:
    return frozenset(name for name, status in STATUSES.items() if status.phase == phase)


RUNNING: Final = _in("running")
"""Time passes for these only."""

ENDED: Final = _in("ended")
"""A new contract may take the place of these."""


def in_order(statuses: Iterable[StatusName]) -> list[StatusName]:
    """Some statuses in the order of the table: that of a set is another in each process."""
    return sorted(statuses, key=[*STATUSES].index)

"""The statuses of a contract: one row each, from which every table over statuses is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple, get_args

from schemas.completeness import complete
from schemas.types import StatusName

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from schemas.about import Mutability

Kind = Literal["plan_change", "cancellation"]


class Status(NamedTuple):
    """What is so for all contracts of a status.

    `mutable`: what an update may change. `runs`: time passes for it. `ended_at`: the field that tells when
    the contract ended; None: it has not, and no other may take its place. `schedulable`: what may wait for
    the end of its term.
    """

    mutable: Mutability
    runs: bool = False
    ended_at: Literal["end_date", "cancelled_at"] | None = None
    schedulable: frozenset[Kind] = frozenset()


_ALL: Final[frozenset[Kind]] = frozenset(get_args(Kind))

STATUSES: Final[Mapping[StatusName, Status]] = complete(
    {
        "draft": Status("in_draft"),
        "active": Status("while_running", runs=True, schedulable=_ALL),
        "pending_renewal": Status("while_running", runs=True, schedulable=_ALL),
        # What waits on an expired one, waits for a renewal within the grace period.
        "expired": Status("always", ended_at="end_date", schedulable=frozenset({"plan_change"})),
        "cancelled": Status("always", ended_at="cancelled_at"),
    },
    get_args(StatusName),
    "STATUSES in consumer/domain/statuses.py",
)


RUNNING: Final = frozenset(name for name, status in STATUSES.items() if status.runs)
"""Time passes for these only."""

ENDED: Final = frozenset(name for name, status in STATUSES.items() if status.ended_at)
"""A new contract may take the place of these."""


def in_order(statuses: Iterable[StatusName]) -> list[StatusName]:
    """Some statuses in the order of the table: that of a set is another in each process."""
    return sorted(statuses, key=[*STATUSES].index)

"""The statuses of a contract: one row each, from which every table over statuses is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple, get_args

from schemas.completeness import complete
from schemas.scheduled import ChangeKind
from schemas.types import StatusName

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from schemas.about import Mutability


class Status(NamedTuple):
    """What is true for all contracts of a status.

    `mutable`: what an update may change. `runs`: time passes for it. `ended_at`: the field with the time at
    which the contract ended; None: it has not ended, so no new contract can replace it. `schedulable`:
    kinds of scheduled changes that may wait on it.
    """

    mutable: Mutability
    runs: bool = False
    ended_at: Literal["end_date", "cancelled_at"] | None = None
    schedulable: frozenset[ChangeKind] = frozenset()


_ALL: Final[frozenset[ChangeKind]] = frozenset(get_args(ChangeKind))

STATUSES: Final[Mapping[StatusName, Status]] = complete(
    {
        "draft": Status("in_draft", schedulable=_ALL),
        "active": Status("while_running", runs=True, schedulable=_ALL),
        "pending_renewal": Status("while_running", runs=True, schedulable=_ALL),
        # What waits on an expired one, waits for a renewal within the grace period.
        "expired": Status("always", ended_at="end_date", schedulable=_ALL - {"cancellation"}),
        "cancelled": Status("always", ended_at="cancelled_at"),
    },
    get_args(StatusName),
    "STATUSES in consumer/domain/statuses.py",
)


RUNNING: Final = frozenset(name for name, status in STATUSES.items() if status.runs)
"""The statuses in which time passes."""

ENDED: Final = frozenset(name for name, status in STATUSES.items() if status.ended_at)
"""The statuses in which a new contract may replace this one."""


def in_order(statuses: Iterable[StatusName]) -> list[StatusName]:
    """Some statuses in the order of the table: the order of a set differs between processes."""
    return sorted(statuses, key=[*STATUSES].index)

"""Earlier states of a contract: its last state, with the recorded changes undone one after the other.

The history contains only the changed fields of each change, so this is the only way. Changes take effect in
the order in which they are recorded. What was due takes effect at its due time, before the command that was
decided then. What becomes due in the past because of a command (an earlier start, for example) takes effect
with that command.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from consumer.domain.differences import revert
from consumer.domain.model import ABSENT, FieldChange
from consumer.errors import HistoryPruned
from consumer.reading.views import PastContract
from schemas.views import ordered, visible

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from datetime import datetime

    from consumer.storage.history import HistoryEntry
    from consumer.storage.kept import KeptEvent
    from consumer.storage.queries import Queries
    from schemas.contract import Contract, ContractState

CHUNK: Final = 100
"""Number of entries in one query."""

OPENINGS: Final = frozenset({"created", "adopted"})


class Step(NamedTuple):
    """One recorded change, the contract after it, and the time from which it was so."""

    after: dict[str, Any]
    change: KeptEvent
    entry: HistoryEntry
    held_from: datetime

    def past(self) -> PastContract:
        """The contract after this change, with the version, times and authors of that time."""
        by = self.change.get("by") or self.entry.requested_by or self.entry.source or ""
        stamps = {"updated_at": self.entry.occurred_at, "last_modified_by": by}
        stamped = {**self.after, **stamps, **self.change.get("stamps", {}), "version": self.change["version"]}
        contract: ContractState = ordered(cast("Contract", stamped))
        recorded_at = self.entry.occurred_at
        return PastContract(contract, self.change["change"], self.change["effective_at"], recorded_at, by)


async def steps_back(queries: Queries, contract: Contract) -> AsyncIterator[Step]:
    """A contract's changes, the last one first, until the one that opened it.

    Args:
        queries: queries on the database.
        contract: its last state, or its current one: changes recorded after it was read are left out.

    Raises:
        HistoryPruned: earlier changes are no longer kept.
    """
    state = cast("dict[str, Any]", visible(contract))
    before = contract["lifecycle"]["offset"] + 1
    while entries := await queries.history(
        contract["account_id"], after=None, before=before, newest_first=True, limit=CHUNK
    ):
        for entry in entries:
            changes = _changes_of(entry, contract["contract_id"])
            held_from = accumulate((each["effective_at"] for each in changes), max)
            for change, since in reversed([*zip(changes, held_from, strict=True)]):
                yield Step(state, change, entry, since)
                if change["change"] in OPENINGS:
                    return
                state = revert(state, _field_changes(change))
        before = entries[-1].offset
    raise HistoryPruned(f"the history of contract {contract['contract_id']} does not reach back that far")


def _changes_of(entry: HistoryEntry, contract_id: str) -> list[KeptEvent]:
    """The entry's changes of this contract.

    A command that creates a contract may first apply what was due on the one before.
    """
    changes = [each for each in entry.changes or () if "change" in each]
    opening = next((i for i, each in enumerate(changes) if each["change"] in OPENINGS), 0)
    changes = changes[opening:] if entry.contract_id == contract_id else changes[:opening]
    return [each for each in changes if each["change"] != "deleted"]


def _field_changes(change: KeptEvent) -> Iterable[FieldChange]:
    for each in change["fields"]:
        if "erased" in each:
            continue  # a removed field counts as never set
        yield FieldChange(each["path"], each.get("before", ABSENT), each.get("after", ABSENT))


async def at_version(queries: Queries, contract: Contract, version: int) -> PastContract | None:
    """The contract at a version; None: it never had this version."""
    if version > contract["version"]:
        return None
    try:
        async for step in steps_back(queries, contract):
            if step.change["version"] == version:
                return step.past()
    except HistoryPruned:
        if version == contract["version"]:
            return _untold(contract)
        raise
    return None


async def at_time(
    queries: Queries, contract: Contract, moment: datetime, *, current: bool
) -> PastContract | None:
    """The contract at a time; None: it did not exist yet."""
    try:
        async for step in steps_back(queries, contract):
            if step.held_from <= moment:
                return step.past()
    except HistoryPruned:
        if current and contract["lifecycle"]["at"] <= moment:
            return _untold(contract)
        raise
    return None


def _untold(contract: Contract) -> PastContract:
    """The last state, for a time before the changes that the history still has."""
    by = contract["last_modified_by"]
    return PastContract(visible(contract), None, None, contract["updated_at"], by)


async def deleted_at(queries: Queries, former: Contract) -> datetime | None:
    """When a contract was deleted; None: it was replaced by another one."""
    after: int | None = former["lifecycle"]["offset"] - 1
    while entries := await queries.history(
        former["account_id"], after=after, before=None, newest_first=False, limit=CHUNK
    ):
        for entry in entries:
            if entry.contract_id == former["contract_id"] and _deletes(entry):
                return entry.occurred_at
            if _opens_another(entry, former["contract_id"]):
                return None
        after = entries[-1].offset
    return None


def _deletes(entry: HistoryEntry) -> bool:
    return entry.type == "delete" and entry.outcome == "applied"


def _opens_another(entry: HistoryEntry, contract_id: str) -> bool:
    return (
        entry.contract_id != contract_id and entry.type in {"create", "adopt"} and entry.outcome == "applied"
    )

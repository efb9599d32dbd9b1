"""A contract's earlier states: its last one, with the recorded changes undone one by one.

The history keeps of each change only what it changed, so the way back is the only way. Changes hold in
the order in which they are recorded: what was due holds from its due time, before the command that brings
it out; what a command makes due in its own past (a start or a window that lies back) holds from the command.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson
from pydantic import TypeAdapter

from consumer.domain.differences import revert
from consumer.domain.model import ABSENT, FieldChange
from consumer.errors import HistoryPruned
from consumer.reading.views import PastContract
from schemas.contract import ContractState, to_json, visible
from schemas.types import parse_instant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from datetime import datetime

    from consumer.storage.protocols import HistoryEntry
    from consumer.storage.queries import Queries
    from schemas.contract import Contract

CHUNK: Final = 100
"""Entries read at once."""

OPENINGS: Final = frozenset({"created", "adopted"})

_CONTRACT: Final = TypeAdapter(ContractState)


class Step(NamedTuple):
    """One recorded change, the contract after it, as JSON, and from when on it was like that."""

    after: dict[str, Any]
    change: dict[str, Any]
    entry: HistoryEntry
    held_from: datetime

    def past(self) -> PastContract:
        """The contract after this change, with the stamps of then."""
        by = self.change.get("by") or self.entry.requested_by or self.entry.source or ""
        stamps = {"updated_at": self.entry.occurred_at, "last_modified_by": by}
        stamped = {**self.after, **stamps, **self.change.get("stamps", {}), "version": self.change["version"]}
        contract = _CONTRACT.validate_json(to_json(stamped))
        effective_at = parse_instant(self.change["effective_at"])
        return PastContract(contract, self.change["change"], effective_at, self.entry.occurred_at, by)


async def steps_back(queries: Queries, contract: Contract) -> AsyncIterator[Step]:
    """A contract's changes, the last one first, until the one that opened it.

    Args:
        queries: questions to the database.
        contract: its last state, or its current one: what was recorded after it was read is left out.

    Raises:
        HistoryPruned: the changes before are not kept any more.
    """
    state: dict[str, Any] = orjson.loads(to_json(visible(contract)))
    before = contract["lifecycle"]["offset"] + 1
    while entries := await queries.history(
        contract["account_id"], after=None, before=before, newest_first=True, limit=CHUNK
    ):
        for entry in entries:
            changes = _changes_of(entry, contract["contract_id"])
            held_from = accumulate((parse_instant(each["effective_at"]) for each in changes), max)
            for change, since in reversed([*zip(changes, held_from, strict=True)]):
                yield Step(state, change, entry, since)
                if change["change"] in OPENINGS:
                    return
                state = revert(state, _field_changes(change))
        before = entries[-1].offset
    raise HistoryPruned(f"the history of contract {contract['contract_id']} does not reach back that far")


def _changes_of(entry: HistoryEntry, contract_id: str) -> list[dict[str, Any]]:
    """The entry's changes of this contract.

    What opens a contract also does what was due on the one before it: that comes first.
    """
    changes = [each for each in orjson.loads(entry.changes or "[]") if "change" in each]
    opening = next((i for i, each in enumerate(changes) if each["change"] in OPENINGS), 0)
    changes = changes[opening:] if entry.contract_id == contract_id else changes[:opening]
    return [each for each in changes if each["change"] != "deleted"]


def _field_changes(change: dict[str, Any]) -> Iterable[FieldChange]:
    for each in change["fields"]:
        if "erased" in each:
            continue  # what is gone now counts as never having been there
        yield FieldChange(each["path"], each.get("before", ABSENT), each.get("after", ABSENT))


async def at_version(queries: Queries, contract: Contract, version: int) -> PastContract | None:
    """The contract as it stood at a version; None: it never had it."""
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
    """The contract as it stood at a moment; None: it was not there yet."""
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
    """The last state, where the history tells no more how it came about."""
    by = contract["last_modified_by"]
    return PastContract(visible(contract), None, None, contract["updated_at"], by)


async def deleted_at(queries: Queries, former: Contract) -> datetime | None:
    """When a contract was deleted; None: another one took its place."""
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

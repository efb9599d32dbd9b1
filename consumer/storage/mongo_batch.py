"""One batch's reads and writes inside its MongoDB transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from bson import Binary, ObjectId
from pymongo import ReplaceOne

from consumer.errors import Fenced
from consumer.storage.documents import (
    HOLDER_FIELDS,
    SEEN_FIELDS,
    contract_document,
    contract_fields,
    contracts_from,
    history_document,
    history_from,
    position_fields,
    seen_from,
    slot_document,
)
from consumer.storage.mongo_commands import MongoCommands, parted
from consumer.storage.protocols import Past
from schemas.upcasting import Upcast

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from contextlib import AbstractContextManager

    from consumer.storage.mongo_driver import Session
    from consumer.storage.protocols import BatchWrites, ContractWrite, Move, Seen
    from schemas.contract import Contract

_OUTPUTS_A_MESSAGE: Final = 16 << 20
"""Bytes. One partition's outputs are as much as CONTRACTS_MAX_BATCH_BYTES at most; many have more than a
message to the server may."""


class MongoBatch:
    """Implements BatchTransaction.

    Args:
        database: the driver's.
        session: of the owner, with a transaction under way.
        asking: what each question to the server stands in: its deadline, and our errors for the driver's.
    """

    def __init__(
        self,
        database: Any,
        session: Session,
        asking: Callable[[], AbstractContextManager[None]],
        *,
        owner: str,
    ) -> None:
        self._db = database
        self._session = session
        self._asking = asking
        self._owner = owner
        self._commands = MongoCommands(database, session)

    async def contracts(self, accounts: Collection[str]) -> dict[str, Contract]:
        documents = await self._find(self._db.contracts, "account_id", list(accounts))
        return {contract["account_id"]: contract for contract in contracts_from(documents)}

    async def seen(self, identities: Collection[bytes]) -> dict[bytes, Seen]:
        documents = await self._find(self._db.history, "_id", [*map(Binary, identities)], SEEN_FIELDS)
        return {bytes(document["_id"]): seen_from(document) for document in documents}

    async def holders(self, contract_ids: Collection[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        # The current ones last: theirs is the id, should an older version have let it be used twice.
        for collection in self._db.former_contracts, self._db.contracts:
            documents = await self._find(collection, "contract_id", [*contract_ids], HOLDER_FIELDS)
            found |= {document["contract_id"]: document.get("account_id", "") for document in documents}
        return found

    async def past(self, accounts: Collection[str]) -> Past:
        of_accounts = {"account_id": {"$in": list(accounts)}}
        with self._asking():
            history = await self._db.history.find(of_accounts, session=self._session).to_list(None)
            former = await self._db.former_contracts.find(of_accounts, session=self._session).to_list(None)
        return Past([*map(history_from, history)], contracts_from(former, "former_contracts"))

    async def _find(
        self, collection: Any, key: str, values: list[Any], fields: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        if not values:
            return []
        with self._asking():
            # All in the first answer: by default it holds 101 documents, and the rest costs a round trip.
            found = collection.find(
                {key: {"$in": values}}, fields, session=self._session, batch_size=len(values) + 1
            )
            documents: list[dict[str, Any]] = await found.to_list(None)
        return documents

    async def write(self, writes: BatchWrites, moves: Sequence[Move]) -> None:
        with self._asking():
            await self._move(moves)
            await self._write_contracts(_changes(writes.contracts))
            await self._commands.insert("former_contracts", [*map(contract_document, writes.former)])
            await self._commands.insert("history", [*map(history_document, writes.history)])
            await self._rewrite(writes.rewritten)

    async def _move(self, moves: Sequence[Move]) -> None:
        sized = [(len(move.outbox.frames) if move.outbox else 0, self._moved(move)) for move in moves]
        moved = sum([await self._commands.update("positions", p) for p in parted(sized, _OUTPUTS_A_MESSAGE)])
        if moved != len(moves):
            names = ", ".join(f"{move.position.partition} at {move.before}" for move in moves)
            raise Fenced(f"not all of these are this owner's any more: {names}")

    def _moved(self, move: Move) -> dict[str, Any]:
        fields = position_fields(move.position)
        if move.outbox is not None:
            fields[f"outbox.{move.outbox.number}"] = slot_document(move.outbox)
        mine = {"_id": move.position.partition, "owner": self._owner, "next": move.before}
        return {"q": mine, "u": {"$set": fields}}

    async def _write_contracts(self, changes: _Changes) -> None:
        # Deletes first: a new contract takes the account, and perhaps the id, of the one that it replaces.
        met = await self._commands.delete("contracts", changes.deletes)
        met += await self._commands.update("contracts", changes.updates)
        if met != len(changes.deletes) + len(changes.updates):
            raise Fenced("somebody else has deleted or replaced contracts of these partitions")
        await self._commands.insert("contracts", changes.inserts)

    async def _rewrite(self, past: Past) -> None:
        """Seldom, and of any size: what an erased account leaves behind. The driver's helper parts it."""
        history = [
            ReplaceOne({"_id": Binary(entry.identity)}, history_document(entry)) for entry in past.history
        ]
        former = [
            ReplaceOne({"_id": ObjectId(contract["_id"])}, contract_document(contract))
            for contract in past.former
        ]
        for collection, operations in (self._db.history, history), (self._db.former_contracts, former):
            if operations:
                done = await collection.bulk_write(operations, ordered=False, session=self._session)
                if done.matched_count != len(operations):
                    raise Fenced("what is to be erased was removed meanwhile")


class _Changes(NamedTuple):
    """Statements on contracts, by the command that carries them out."""

    deletes: list[dict[str, Any]]
    updates: list[dict[str, Any]]
    inserts: list[dict[str, Any]]


def _changes(writes: Sequence[ContractWrite]) -> _Changes:
    changes = _Changes([], [], [])
    for _, before, after in writes:
        if before is not None and after is not None and before["_id"] == after["_id"]:
            if update := _update(before, after):
                changes.updates.append({"q": {"_id": ObjectId(before["_id"])}, "u": update})
            continue
        if before is not None:
            changes.deletes.append({"q": {"_id": ObjectId(before["_id"])}, "limit": 1})
        if after is not None:
            changes.inserts.append(contract_document(after))
    return changes


def _update(before: Contract, after: Contract) -> dict[str, Any]:
    if isinstance(before, Upcast) or before.keys() != after.keys():
        # As a whole: a new field would come last instead of at its place.
        return contract_document(after)
    changed = difference(before, after)
    return {"$set": changed} if changed else {}


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Only the fields that changed, as MongoDB stores them: half the server's work of a replace."""
    return contract_fields(
        {name: value for name, value in after.items() if (old := before[name]) is not value and old != value}
    )

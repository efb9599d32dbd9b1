"""The reads and writes of one batch, in its MongoDB transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from bson import Binary, ObjectId
from bson.raw_bson import RawBSONDocument
from pymongo import ReplaceOne

from consumer.errors import Fenced
from consumer.storage import movements
from consumer.storage.documents import (
    contract_document,
    contract_fields,
    contracts_from,
    history_document,
    history_from,
)
from consumer.storage.history import Past
from consumer.storage.mongo_commands import MongoCommands, parted
from consumer.storage.mongo_known import find_holders, find_seen
from consumer.storage.position_documents import position_fields, slot_document
from schemas.upcasting import Upcast

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from contextlib import AbstractContextManager

    from consumer.storage.history import HistoryEntry, Seen
    from consumer.storage.mongo_driver import Session
    from consumer.storage.protocols import BatchWrites, ContractWrite, Move
    from schemas.contract import Contract

_OUTPUTS_A_MESSAGE: Final = 16 << 20
"""In bytes.

The outputs of one partition have at most CONTRACTS_MAX_BATCH_BYTES; those of many partitions can be larger
than one message to the server may be.
"""


class MongoBatch:
    """Implements BatchTransaction.

    Args:
        database: the driver's.
        session: of the owner, with an open transaction.
        asking: the context of each request to the server: its timeout, and the translation of the driver's
            errors.
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
        return await find_seen(self._find, self._db, identities)

    async def holders(self, contract_ids: Collection[str]) -> dict[str, str]:
        return await find_holders(self._find, self._db, contract_ids)

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
            # All in the first answer: by default it holds 101 documents, and the rest needs another round
            # trip.
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
            await self._commands.insert("history", [*map(_entry, writes.history)])
            await self._commands.update(movements.COLLECTION, [*map(movements.statement, writes.movements)])
            await self._rewrite(writes.rewritten)

    async def _move(self, moves: Sequence[Move]) -> None:
        sized = [(len(move.outbox.frames) if move.outbox else 0, self._update_of(move)) for move in moves]
        updated = sum(
            [await self._commands.update("positions", p) for p in parted(sized, _OUTPUTS_A_MESSAGE)]
        )
        if updated != len(moves):
            names = ", ".join(f"{move.position.partition} at {move.before}" for move in moves)
            raise Fenced(f"not all of these are this owner's any more: {names}")

    def _update_of(self, move: Move) -> dict[str, Any]:
        fields = position_fields(move.position)
        if move.outbox is not None:
            fields[f"outbox.{move.outbox.number}"] = slot_document(move.outbox)
        mine = {"_id": move.position.partition, "owner": self._owner, "next": move.before}
        return {"q": mine, "u": {"$set": fields}}

    async def _write_contracts(self, changes: _Changes) -> None:
        # Deletes first: a new contract replaces the account's, and may have the same id.
        met = await self._commands.delete("contracts", changes.deletes)
        met += await self._commands.update("contracts", changes.updates)
        if met != len(changes.deletes) + len(changes.updates):
            raise Fenced("another program has deleted or replaced contracts of these partitions")
        await self._commands.insert("contracts", changes.inserts)

    async def _rewrite(self, past: Past) -> None:
        """For erased accounts: seldom, and of any size. The driver's helper splits it into messages."""
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


def _entry(entry: HistoryEntry) -> Any:
    return RawBSONDocument(entry.encoded) if entry.encoded else history_document(entry)


class _Changes(NamedTuple):
    """Statements on contracts, by the database command that executes them."""

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
        # The whole object: a new field of it would be stored last instead of in its order.
        return contract_document(after)
    changed = difference(before, after)
    return {"$set": changed} if changed else {}


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Only the changed fields, as MongoDB stores them: that is half the work of a replace for the server."""
    return contract_fields(
        {name: value for name, value in after.items() if (old := before[name]) is not value and old != value}
    )

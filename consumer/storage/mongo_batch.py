"""One batch's reads and writes inside its MongoDB transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bson import Binary, ObjectId
from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateOne

from consumer.errors import Fenced
from consumer.storage.documents import (
    contract_document,
    contract_fields,
    contracts_from,
    history_document,
    history_from,
    position_fields,
    seen_from,
    slot_document,
)
from consumer.storage.protocols import Past
from schemas.upcasting import Upcast

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from contextlib import AbstractContextManager

    from motor.motor_asyncio import AsyncIOMotorClientSession as Session

    from consumer.storage.protocols import (
        BatchWrites,
        ContractWrite,
        HistoryEntry,
        OutboxSlot,
        Position,
        Seen,
    )
    from schemas.contract import Contract

_HOLDER_FIELDS = ("contract_id", "account_id")
_SEEN_FIELDS = ("outcome", "code", "contract_id", "version", "partition", "offset", "content")


class MongoBatch:
    """Implements BatchTransaction.

    Args:
        database: motor's.
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
        expected: int,
    ) -> None:
        self._db = database
        self._session = session
        self._asking = asking
        self._owner = owner
        self._expected = expected

    async def contracts(self, accounts: Collection[str]) -> dict[str, Contract]:
        documents = await self._find(self._db.contracts, "account_id", list(accounts))
        return {contract["account_id"]: contract for contract in contracts_from(documents)}

    async def seen(self, identities: Collection[bytes]) -> dict[bytes, Seen]:
        documents = await self._find(self._db.history, "_id", [*map(Binary, identities)], _SEEN_FIELDS)
        return {bytes(document["_id"]): seen_from(document) for document in documents}

    async def holders(self, contract_ids: Collection[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        # The current ones last: theirs is the id, should an older version have let it be used twice.
        for collection in self._db.former_contracts, self._db.contracts:
            documents = await self._find(collection, "contract_id", [*contract_ids], _HOLDER_FIELDS)
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

    async def write(self, writes: BatchWrites, position: Position) -> None:
        with self._asking():
            await self._move(position)
            await self._write_contracts(writes.contracts)
            await self._write_former(writes.former)
            await self._write_history(writes.history)
            await self._rewrite(writes.rewritten)
            if writes.outbox is not None:
                await self._write_outbox(position.partition, writes.outbox)

    async def _move(self, position: Position) -> None:
        moved = await self._db.positions.update_one(
            {"_id": position.partition, "owner": self._owner, "next": self._expected},
            {"$set": position_fields(position)},
            session=self._session,
        )
        if moved.matched_count != 1:
            raise Fenced(f"{position.partition} is not at {self._expected} under this owner any more")

    async def _write_contracts(self, writes: Sequence[ContractWrite]) -> None:
        operations = [operation for write in writes for operation in _operations(write)]
        if not operations:
            return
        # In order, because a replaced contract is deleted before the new one takes its place.
        done = await self._db.contracts.bulk_write(operations, ordered=True, session=self._session)
        if done.matched_count + done.inserted_count + done.deleted_count != len(operations):
            raise Fenced("somebody else has deleted or replaced contracts of this partition")

    async def _write_former(self, former: Sequence[Contract]) -> None:
        if former:
            await self._db.former_contracts.insert_many(map(contract_document, former), session=self._session)

    async def _write_history(self, history: Sequence[HistoryEntry]) -> None:
        if history:
            await self._db.history.insert_many(map(history_document, history), session=self._session)

    async def _rewrite(self, past: Past) -> None:
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

    async def _write_outbox(self, partition: str, slot: OutboxSlot) -> None:
        await self._db.outbox.replace_one(
            {"_id": f"{partition}/{slot.number}"}, slot_document(slot), upsert=True, session=self._session
        )


def _operations(write: ContractWrite) -> list[Any]:
    before, after = write.before, write.after
    if before is None:
        return [] if after is None else [InsertOne(contract_document(after))]
    stored = {"_id": ObjectId(before["_id"])}
    if after is None:
        return [DeleteOne(stored)]
    if before["_id"] != after["_id"]:
        return [DeleteOne(stored), InsertOne(contract_document(after))]
    if isinstance(before, Upcast) or before.keys() != after.keys():
        # A new field would come last instead of at its place.
        return [ReplaceOne(stored, contract_document(after))]
    changed = difference(before, after)
    return [UpdateOne(stored, {"$set": changed})] if changed else []


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Only the fields that changed, as MongoDB stores them: half the server's work of a replace."""
    return contract_fields(
        {name: value for name, value in after.items() if (old := before[name]) is not value and old != value}
    )

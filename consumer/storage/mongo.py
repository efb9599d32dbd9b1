"""The store on MongoDB. The only file that imports motor or pymongo's client.

All writes are majority-committed multi-document transactions on the primary. A batch costs the same
number of round trips whatever its size, because each hop into motor's thread pool costs more than a
command's own work.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from bson import Binary
from bson.errors import InvalidDocument
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import DeleteOne, InsertOne, ReadPreference, UpdateOne, WriteConcern
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    DocumentTooLarge,
    InvalidOperation,
    OperationFailure,
    PyMongoError,
)
from pymongo.read_concern import ReadConcern

from consumer.errors import (
    AheadOfPosition,
    BatchTooLarge,
    Fenced,
    OutcomeUnknown,
    PoisonDocument,
    StoreUnavailable,
    WriteConflict,
)
from consumer.storage.documents import (
    CODEC,
    contract_fields,
    contract_from,
    history_document,
    position_document,
    position_fields,
    position_from,
    seen_from,
    slot_from,
)
from consumer.storage.protocols import OUTBOX_SLOTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence

    from motor.motor_asyncio import AsyncIOMotorClientSession as Session

    from consumer.storage.protocols import (
        BatchTransaction,
        BatchWrites,
        ContractWrite,
        HistoryEntry,
        OutboxSlot,
        Position,
        Seen,
    )
    from schemas.contract import Contract

_POISON_CODES: Final = frozenset({121, 10334, 17280, 17419, 17420})
"""Errors of one document: validation, size, index key too large, size after an update."""

_TOO_LARGE_CODES: Final = frozenset({257, 290, 359})
"""TransactionTooOld, TransactionExceededLifetimeLimitSeconds, TransactionTooLargeForCache."""

_DUPLICATE_KEY: Final = 11000
_NO_SUCH_TRANSACTION: Final = 251
_COMMIT_TRIES: Final = 5


def translate(error: Exception) -> Exception:
    """A driver's error as one of ours: what the pipeline does next depends on nothing else."""
    if isinstance(error, BulkWriteError):
        failed = (error.details or {}).get("writeErrors") or [{}]
        return _by_code(failed[0].get("code"), failed[0].get("errmsg", str(error)), error)
    if isinstance(error, (InvalidDocument, DocumentTooLarge, OverflowError)):
        return PoisonDocument(str(error))
    if isinstance(error, OperationFailure):
        return _by_code(error.code, str(error), error)
    return StoreUnavailable(f"MongoDB does not answer: {error}")


def _by_code(code: int | None, message: str, error: PyMongoError) -> Exception:
    if error.has_error_label("TransientTransactionError") and not isinstance(error, ConnectionFailure):
        return WriteConflict(message)
    if code in _TOO_LARGE_CODES:
        return BatchTooLarge(message)
    if code == _DUPLICATE_KEY and "contract_id" not in message:
        # Nobody else writes this partition's accounts and history: the database is not of one piece.
        return AheadOfPosition(message)
    if code in _POISON_CODES or code == _DUPLICATE_KEY:
        return PoisonDocument(message)
    return StoreUnavailable(f"MongoDB refuses: {message}")


Client = AsyncIOMotorClient[dict[str, Any]]


def connect(uri: str, *, timeout_ms: int, max_pool_size: int) -> Client:
    """A client that connects when it is first used.

    Args:
        uri: connection string.
        timeout_ms: when finding a server, connecting, and an operation each count as failed.
        max_pool_size: connections to each server.
    """
    return AsyncIOMotorClient(
        uri,
        appname="contracts",
        maxPoolSize=max_pool_size,
        serverSelectionTimeoutMS=timeout_ms,
        connectTimeoutMS=timeout_ms,
        socketTimeoutMS=timeout_ms,
        tz_aware=True,
    )


class MongoStore:
    """One database's contracts, history, positions and outbox.

    Args:
        client: connected lazily by motor; closing it is the caller's business.
        database: name of the database.
    """

    def __init__(self, client: Client, database: str) -> None:
        self.client = client
        self.database = client.get_database(
            database,
            codec_options=CODEC,
            read_preference=ReadPreference.PRIMARY,
            write_concern=WriteConcern("majority"),
            read_concern=ReadConcern("majority"),
        )
        self._sessions: dict[str, Session] = {}

    async def position(self, partition: str) -> Position | None:
        try:
            document = await self.database.positions.find_one({"_id": partition})
        except PyMongoError as error:
            raise translate(error) from error
        return position_from(document) if document else None

    async def claim(self, partition: str, owner: str, initial: Position | None) -> Position | None:
        try:
            return await self._claim(partition, owner, initial)
        except PyMongoError as error:
            raise translate(error) from error

    async def _claim(self, partition: str, owner: str, initial: Position | None) -> Position | None:
        positions = self.database.positions
        session = await self._new_session(partition)
        session_id: Mapping[str, Any] = session.session_id  # type: ignore[assignment]  # a property, unlike its stub
        mine = {"owner": owner, "session": session_id["id"]}
        if initial is not None:
            fresh = {**position_document(initial), "owner": None, "session": None}
            await positions.update_one({"_id": partition}, {"$setOnInsert": fresh}, upsert=True)
        while True:
            document = await positions.find_one({"_id": partition})
            if document is None:
                return None
            # The open transaction of a dead owner would block the update below for a minute, and
            # that of a paused one could still commit: end its session first, then take its place.
            if document["session"] is not None:
                await self.client.admin.command("killSessions", [{"id": document["session"]}])
            claimed = await positions.find_one_and_update(
                {"_id": partition, "session": document["session"]}, {"$set": mine}, return_document=True
            )
            if claimed is not None:
                return position_from(claimed)

    async def _new_session(self, partition: str) -> Session:
        old = self._sessions.pop(partition, None)
        if old is not None:
            await old.end_session()
        self._sessions[partition] = await self.client.start_session()
        return self._sessions[partition]

    @asynccontextmanager
    async def transaction(
        self, partition: str, *, owner: str, expected: int
    ) -> AsyncIterator[BatchTransaction]:
        session = self._sessions[partition]
        batch = _MongoBatch(self.database, session, owner, expected)
        try:
            session.start_transaction(
                ReadConcern("snapshot"), WriteConcern("majority"), ReadPreference.PRIMARY
            )
            yield batch
            await self._commit(session)
        except (PyMongoError, InvalidDocument, OverflowError) as error:
            raise translate(error) from error
        finally:
            await _abort(session)

    async def _commit(self, session: Session) -> None:
        for tries_left in reversed(range(_COMMIT_TRIES)):
            try:
                await session.commit_transaction()
            except (ConnectionFailure, OperationFailure) as error:
                unknown = error.has_error_label("UnknownTransactionCommitResult")
                if unknown and tries_left:
                    continue
                if unknown or getattr(error, "code", None) == _NO_SUCH_TRANSACTION:
                    raise OutcomeUnknown(f"whether the batch was committed is unknown: {error}") from error
                raise
            else:
                return

    async def partition_count(self, topic: str) -> int | None:
        # Names sort as text, and "0" follows "/" directly: the range is all ids that begin with "topic/".
        of_topic = {"_id": {"$gte": f"{topic}/", "$lt": f"{topic}0"}}
        try:
            document = await self.database.positions.find_one(of_topic, ["partitions"])
        except PyMongoError as error:
            raise translate(error) from error
        return int(document["partitions"]) if document else None

    async def replace_position(self, position: Position) -> None:
        document = {**position_document(position), "owner": None, "session": None}
        try:
            await self.database.positions.replace_one({"_id": position.partition}, document, upsert=True)
        except PyMongoError as error:
            raise translate(error) from error

    async def outbox(self, partition: str) -> list[OutboxSlot]:
        ids = [f"{partition}/{number}" for number in range(OUTBOX_SLOTS)]
        try:
            documents = await self.database.outbox.find({"_id": {"$in": ids}}).to_list(OUTBOX_SLOTS)
        except PyMongoError as error:
            raise translate(error) from error
        return sorted(map(slot_from, documents), key=lambda slot: slot.first)


async def _abort(session: Session) -> None:
    if not bool(session.in_transaction):
        return
    try:
        await session.abort_transaction()
    except (PyMongoError, InvalidOperation):
        # The server ends it by itself; the next claim kills the session in any case.
        return


class _MongoBatch:
    def __init__(self, database: Any, session: Session, owner: str, expected: int) -> None:
        self._db = database
        self._session = session
        self._owner = owner
        self._expected = expected

    async def contracts(self, accounts: Collection[str]) -> dict[str, Contract]:
        if not accounts:
            return {}
        found = self._db.contracts.find({"account_id": {"$in": list(accounts)}}, session=self._session)
        documents = await found.to_list(None)
        return {document["account_id"]: contract_from(document) for document in documents}

    async def seen(self, identities: Collection[bytes]) -> dict[bytes, Seen]:
        if not identities:
            return {}
        wanted = {"_id": {"$in": [Binary(identity) for identity in identities]}}
        fields = ["outcome", "code", "contract_id", "version"]
        documents = await self._db.history.find(wanted, fields, session=self._session).to_list(None)
        return {bytes(document["_id"]): seen_from(document) for document in documents}

    async def write(self, writes: BatchWrites, position: Position) -> None:
        await self._move(position)
        await self._write_contracts(writes.contracts)
        await self._write_former(writes.former)
        await self._write_history(writes.history)
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
        if operations:
            # In order, because a replaced contract is deleted before the new one takes its place.
            await self._db.contracts.bulk_write(operations, ordered=True, session=self._session)

    async def _write_former(self, former: Sequence[Contract]) -> None:
        if former:
            await self._db.former_contracts.insert_many(map(contract_fields, former), session=self._session)

    async def _write_history(self, history: Sequence[HistoryEntry]) -> None:
        if history:
            await self._db.history.insert_many(map(history_document, history), session=self._session)

    async def _write_outbox(self, partition: str, slot: OutboxSlot) -> None:
        document = {
            "first": slot.first,
            "next": slot.next,
            "generation": slot.generation,
            "frames": slot.frames,
        }
        await self._db.outbox.replace_one(
            {"_id": f"{partition}/{slot.number}"}, document, upsert=True, session=self._session
        )


def _operations(write: ContractWrite) -> list[Any]:
    before, after = write.before, write.after
    account = {"account_id": write.account_id}
    if before is None:
        return [] if after is None else [InsertOne(contract_fields(after))]
    if after is None:
        return [DeleteOne(account)]
    if before["contract_id"] != after["contract_id"]:
        return [DeleteOne(account), InsertOne(contract_fields(after))]
    return [UpdateOne(account, _difference(before, after))]


def _difference(before: Contract, after: Contract) -> dict[str, Any]:
    """Only the fields that changed: half the server's work of a replace."""
    changed = {
        name: value
        for name, value in after.items()
        if (old := before.get(name)) is not value and (old != value or name not in before)
    }
    update: dict[str, Any] = {"$set": contract_fields(changed)}
    removed = [name for name in before if name not in after]
    if removed:
        update["$unset"] = dict.fromkeys(removed, "")
    return update

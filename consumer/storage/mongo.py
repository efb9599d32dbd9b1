"""The store on MongoDB. Only this file creates clients of the driver.

All writes are multi-document transactions on the primary, committed by a majority. The number of round trips
for a batch does not depend on its size, because a round trip takes longer than the work for a command.
"""

from __future__ import annotations

from asyncio import CancelledError
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Final

import pymongo
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient, ReadPreference, WriteConcern
from pymongo.read_concern import ReadConcern

from consumer.errors import Fenced, OutcomeUnknown, StoreUnavailable
from consumer.storage.divided import divided
from consumer.storage.documents import CODEC
from consumer.storage.mongo_batch import MongoBatch
from consumer.storage.mongo_commits import abort, commit
from consumer.storage.mongo_driver import start_session, start_transaction, timeout_seconds
from consumer.storage.mongo_errors import translated
from consumer.storage.mongo_filters import of_topic
from consumer.storage.mongo_monitor import OperationListener
from consumer.storage.mongo_old_outbox import adopt_old_outbox
from consumer.storage.mongo_outboxes import OUTBOXES_AT_ONCE, outboxes
from consumer.storage.mongo_owners import Owners
from consumer.storage.mongo_uri import refused_uri
from consumer.storage.position_documents import position_document, position_from
from consumer.storage.protocols import SESSIONS, Stop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping

    from consumer.storage.mongo_driver import Client, Driver, Session
    from consumer.storage.protocols import BatchTransaction, OutboxSlot, Position

_CLIENTS: Final[Mapping[Driver, type[Client]]] = {"motor": AsyncIOMotorClient, "pymongo": AsyncMongoClient}


def connect(
    uri: str,
    *,
    timeout_ms: int,
    max_pool_size: int,
    driver: Driver = "motor",
    report: Callable[[str, str, float], None] | None = None,
) -> Client:
    """A client that connects when it is first used. It belongs to the event loop that it is first used in.

    Args:
        uri: connection string.
        timeout_ms: maximum time of an operation, including server selection, connecting and retries.
        max_pool_size: connections to each server.
        driver: the client library.
        report: called for every operation, see OperationListener.

    Raises:
        SettingsError: the driver cannot use the connection string.
    """
    with refused_uri(uri):
        return _CLIENTS[driver](
            uri,
            appname="contracts",
            maxPoolSize=max_pool_size,
            timeoutMS=timeout_ms,
            serverSelectionTimeoutMS=timeout_ms,
            connectTimeoutMS=timeout_ms,
            tz_aware=True,
            event_listeners=[OperationListener(report)] if report else [],
        )


class MongoStore:
    """One database's contracts, history, positions and outbox.

    Args:
        client: connected lazily, of either driver; the caller closes it. Its timeoutMS is the maximum time of
            every method here, and of every method of a transaction.
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
        self._seconds = timeout_seconds(client)
        self._owners = Owners(client, self.database.positions, self._asking)
        self._sessions: dict[int, Session] = {}

    @contextmanager
    def _asking(self) -> Iterator[None]:
        with pymongo.timeout(self._seconds), translated():
            yield

    async def positions(self, partitions: Collection[str]) -> dict[str, Position]:
        found = await self._owners.find(partitions)
        return {name: position_from(document) for name, document in found.items()}

    async def partition_count(self, topic: str) -> int | None:
        # Names sort as text, and "0" follows "/" directly: this range is all ids that begin with "topic/".
        with self._asking():
            document = await self.database.positions.find_one(of_topic(topic), ["partitions"])
        return int(document["partitions"]) if document else None

    async def claim(self, partitions: Collection[str], owner: str) -> dict[str, Position]:
        # A session is never used again after a claim: delayed requests of it may still be in the network.
        self._sessions = {}
        with self._asking():
            sessions = [await start_session(self.client) for _ in range(SESSIONS)]
        mine = {"owner": owner, "sessions": [_id_of(session) for session in sessions]}
        await self._owners.take(partitions, {"$set": mine, "$unset": {"session": "", "stop": ""}})
        self._sessions = dict(enumerate(sessions))
        return await self.owned(partitions, owner)

    async def begin(self, position: Position, owner: str) -> None:
        sessions = [_id_of(session) for session in self._sessions.values()]
        document = {**position_document(position), "owner": owner, "sessions": sessions}
        if not await self._owners.insert(position.partition, document):
            raise Fenced(f"another worker has become the owner of {position.partition}")

    async def owned(self, partitions: Collection[str], owner: str) -> dict[str, Position]:
        found = await self._owners.find(partitions)
        for name, document in found.items():
            if document["owner"] != owner:
                raise Fenced(f"{name} has another owner")
        return {name: position_from(document) for name, document in found.items()}

    async def note_stop(self, partition: str, owner: str, stop: Stop) -> None:
        mine = {"_id": partition, "owner": owner}
        with self._asking():
            await self.database.positions.update_one(mine, {"$set": {"stop": stop._asdict()}})

    async def stops(self, partitions: Collection[str]) -> dict[str, Stop]:
        noted = {"_id": {"$in": list(partitions)}, "stop": {"$exists": True}}
        with self._asking():
            found = await self.database.positions.find(noted, {"stop": True}).to_list(None)
        return {document["_id"]: Stop(**document["stop"]) for document in found}

    async def disown(self, partitions: Collection[str]) -> None:
        await self._owners.take(partitions, {"$set": {"owner": None}})

    async def replace_position(self, position: Position) -> None:
        document = {**position_document(position), "owner": None, "sessions": []}
        await self._owners.take(
            [position.partition], {"$set": document, "$unset": {"session": "", "stop": ""}}
        )
        await self._owners.insert(position.partition, document)

    async def keep_outbox(self, partition: str, generations: tuple[int, int]) -> None:
        before, after = generations
        # An open transaction of an earlier owner may hold the slots.
        await self._owners.take([partition], {"$set": {"owner": None, "sessions": []}})
        kept = [slot for slot in (await self.outbox([partition]))[partition] if slot.generation == before]
        if kept:
            fields = {f"outbox.{slot.number}.generation": after for slot in kept}
            with self._asking():
                await self.database.positions.update_one({"_id": partition}, {"$set": fields})

    @asynccontextmanager
    async def transaction(self, owner: str, lane: int) -> AsyncIterator[BatchTransaction]:
        session = self._sessions.get(lane)
        if session is None:
            raise Fenced("nothing was claimed after the last failure")
        await start_transaction(session, ReadConcern("snapshot"), WriteConcern("majority"))
        try:
            yield MongoBatch(self.database, session, self._asking, owner=owner)
            with pymongo.timeout(self._seconds):
                await commit(session)
        except (StoreUnavailable, OutcomeUnknown, CancelledError):
            # MongoDB does not answer, or the transaction may still be open: the next claim ends it.
            self._sessions.pop(lane, None)
            raise
        except BaseException:
            with pymongo.timeout(self._seconds):
                await abort(session)
            raise

    async def adopt_outbox(self, partition: str) -> None:
        with self._asking():
            await adopt_old_outbox(self.database, partition)

    async def outbox(self, partitions: Collection[str]) -> dict[str, list[OutboxSlot]]:
        slots: dict[str, list[OutboxSlot]] = {}
        for some in divided(list(partitions), OUTBOXES_AT_ONCE):
            with self._asking():
                slots |= await outboxes(self.database.positions, some)
        return slots


def _id_of(session: Session) -> Any:
    found: Mapping[str, Any] = session.session_id  # type: ignore[assignment]  # a property, unlike its stub
    return found["id"]

"""What differs between motor and PyMongo's AsyncMongoClient. All else in this package is written for both.

A client may be asked about anything and makes a database of a name that it does not know, so the two are told
apart by their types and not by what they have.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from pymongo import AsyncMongoClient, ReadPreference
from pymongo.asynchronous.client_session import AsyncClientSession

if TYPE_CHECKING:
    from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorClientSession
    from pymongo import WriteConcern
    from pymongo.read_concern import ReadConcern

    Client: TypeAlias = AsyncIOMotorClient[dict[str, Any]] | AsyncMongoClient[dict[str, Any]]
    Session: TypeAlias = AsyncIOMotorClientSession | AsyncClientSession

Driver = Literal["motor", "pymongo"]

_closing: Final[set[asyncio.Task[None]]] = set()


def timeout_seconds(client: Client) -> float | None:
    """The client's timeoutMS."""
    of = client if isinstance(client, AsyncMongoClient) else client.delegate
    seconds: float | None = of.options.timeout
    return seconds


async def start_session(client: Client) -> Session:
    """A session of the client's own; nothing is sent."""
    if isinstance(client, AsyncMongoClient):
        return client.start_session()
    return await client.start_session()


async def start_transaction(
    session: Session, read_concern: ReadConcern | None = None, write_concern: WriteConcern | None = None
) -> None:
    """Begins one on the primary; nothing is sent. The session must have none under way."""
    options = read_concern, write_concern, ReadPreference.PRIMARY
    if isinstance(session, AsyncClientSession):
        await session.start_transaction(*options)
    else:
        session.start_transaction(*options)


async def aggregated(collection: Any, pipeline: Any) -> list[dict[str, Any]]:
    """All that an aggregation gives; the server may use its disk."""
    cursor = collection.aggregate(pipeline, allowDiskUse=True)
    if asyncio.iscoroutine(cursor):
        cursor = await cursor
    found: list[dict[str, Any]] = await cursor.to_list(None)
    return found


async def close(client: Client) -> None:
    """Ends sessions and connections."""
    if isinstance(client, AsyncMongoClient):
        await client.close()
    else:
        client.close()


def close_soon(client: Client) -> None:
    """As `close`, for those who cannot await it: an AsyncMongoClient ends while its event loop goes on."""
    if not isinstance(client, AsyncMongoClient):
        client.close()
        return
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return  # its connections ended with its event loop
    task = loop.create_task(client.close())
    _closing.add(task)
    task.add_done_callback(_closing.discard)

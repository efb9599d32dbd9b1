"""The differences between motor and PyMongo's AsyncMongoClient. The rest of this package works with both.

The two are distinguished by their types: a client returns a database for any attribute that it does not have.
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
    """The timeoutMS of a client."""
    of = client if isinstance(client, AsyncMongoClient) else client.delegate
    seconds: float | None = of.options.timeout
    return seconds


async def start_session(client: Client) -> Session:
    """A new session of the client; nothing is sent."""
    if isinstance(client, AsyncMongoClient):
        return client.start_session()
    return await client.start_session()


async def start_transaction(
    session: Session, read_concern: ReadConcern | None = None, write_concern: WriteConcern | None = None
) -> None:
    """Begins a transaction on the primary; nothing is sent. The session must not have an open one."""
    options = read_concern, write_concern, ReadPreference.PRIMARY
    if isinstance(session, AsyncClientSession):
        await session.start_transaction(*options)
    else:
        session.start_transaction(*options)


async def aggregated(collection: Any, pipeline: Any, **options: Any) -> list[dict[str, Any]]:
    """All results of an aggregation; the server may use its disk."""
    cursor = collection.aggregate(pipeline, allowDiskUse=True, **options)
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
    """As `close`, where it cannot be awaited: an AsyncMongoClient then closes while its event loop runs."""
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

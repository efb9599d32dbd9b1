"""A database for one run of a program, which is dropped afterwards.

A mark in it says what it is. A database without the mark is never dropped, and a run whose mark still changes
is not disturbed by another one.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import pymongo
from pymongo.errors import DuplicateKeyError

from consumer.errors import ContractsError, InputRefused
from consumer.storage.indexes import BUILD_SECONDS
from consumer.storage.mongo_errors import translated
from consumer.storage.restoring import drop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

COLLECTION: Final = "shadow_run"
MARK: Final = "mark"

BEAT_SECONDS: Final = 2.0
SILENT_SECONDS: Final = 20.0
"""How long the mark of a killed run must stay as it is before another run takes the database."""


@asynccontextmanager
async def scratch(client: Any, name: str, of: str) -> AsyncIterator[None]:
    """The database `name`, empty but for its mark; dropped at the end. `of`: the database that it shadows.

    Raises:
        InputRefused: it is another database, or another run uses it.
        StoreUnavailable, StoreDenied: MongoDB does not answer, or refuses access.
    """
    run = uuid4().hex
    database = client[name]
    await _take(database, run, of)
    beating = asyncio.create_task(_beat(database[COLLECTION], run))
    try:
        await _empty(database)
        yield
        if not await _owns(database, run):
            raise InputRefused(f"another run has taken the database {name}", hint="run it again")
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating
        if await _owns(database, run):
            await drop(client, name)


async def _take(database: Any, run: str, of: str) -> None:
    marks, name = database[COLLECTION], database.name
    with _asking():
        found = await marks.find_one({"_id": MARK})
        others = [] if found else await database.list_collection_names()
    if others or (found and found["shadow_of"] != of):
        raise InputRefused(
            f"the database {name} is no shadow of {of}: it is not overwritten",
            hint="drop it, if nobody needs it: an older release that was killed may have left it",
        )
    if not found:
        with _asking():
            try:
                await marks.insert_one({"_id": MARK, "shadow_of": of, "run": run, "beats": 0})
            except DuplicateKeyError as error:
                raise _in_use(name) from error
        return
    until = monotonic() + SILENT_SECONDS
    seen = {"_id": MARK, "run": found["run"], "beats": found["beats"]}
    while True:
        with _asking():
            if await marks.find_one(seen) is None:
                raise _in_use(name)
        if monotonic() >= until:
            break
        await asyncio.sleep(min(BEAT_SECONDS, until - monotonic()))
    with _asking():
        taken = await marks.update_one(seen, {"$set": {"run": run, "beats": 0}})
    if not taken.modified_count:
        raise _in_use(name)


def _in_use(name: str) -> InputRefused:
    return InputRefused(f"another run uses the database {name}", hint="wait until it has ended")


async def _beat(marks: Any, run: str) -> None:
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        with suppress(ContractsError), _asking():  # a server that does not answer now may answer the next
            await marks.update_one({"_id": MARK, "run": run}, {"$inc": {"beats": 1}})


async def _empty(database: Any) -> None:
    with _asking():
        for name in await database.list_collection_names():
            if name != COLLECTION and not name.startswith("system."):
                await database.drop_collection(name)


async def _owns(database: Any, run: str) -> bool:
    with _asking():
        return await database[COLLECTION].find_one({"_id": MARK, "run": run}) is not None


@contextmanager
def _asking() -> Iterator[None]:
    with pymongo.timeout(BUILD_SECONDS), translated():
        yield

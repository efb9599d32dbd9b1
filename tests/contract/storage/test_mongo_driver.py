"""Both drivers by one setting: what each connects as, and how its connections end."""

import asyncio

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import InvalidOperation

from consumer.bootstrap import make_store
from consumer.clients import contract_reader, contract_statistics, open_mongo, opened_mongo
from consumer.errors import OutcomeUnknown, StoreUnavailable, WriteConflict
from consumer.settings import load_settings
from consumer.storage.known_templates import KnownTemplates
from consumer.storage.mongo_driver import close_soon, timeout_seconds
from tests.contract.storage.backends import MongoBackend
from tests.contract.storage.owner import Owner
from tests.contract.storage.samples import at, changed, contract, created, writes

TOLD = {"motor": "Motor", "pymongo": "async"}


@pytest.fixture
def settings(server, driver, database):
    return load_settings(mongo_uri=server.uri, mongo_driver=driver, mongo_database=database)


def test_the_setting_chooses_and_the_server_is_told_which(settings, driver):
    client = open_mongo(settings)
    assert isinstance(client, AsyncMongoClient) == (driver == "pymongo")
    options = client.options if driver == "pymongo" else client.delegate.options
    told = options.pool_options.metadata
    assert told["driver"]["name"].endswith(f"|{TOLD[driver]}")
    assert told["application"] == {"name": "contracts"}
    assert timeout_seconds(client) == settings.mongo_timeout_ms / 1000


async def test_a_client_is_closed_at_the_end(settings):
    async with opened_mongo(settings) as client:
        await client.admin.command("ping")
    with pytest.raises(InvalidOperation):
        await client.admin.command("ping")


@pytest.mark.parametrize("make", [contract_reader, contract_statistics])
async def test_what_reads_is_opened_either_way(settings, make):
    async with make(settings) as reads:
        assert await _count(reads) == 0
    opened = make(settings)
    with opened as reads:
        assert await _count(reads) == 0
    async with asyncio.timeout(5):
        while not await _is_closed(opened._client):  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)


async def _count(reads) -> int:
    return await reads.count() if hasattr(reads, "count") else sum((await reads.counts()).values())


async def _is_closed(client) -> bool:
    try:
        await client.admin.command("ping")
    except InvalidOperation:
        return True
    return False


async def test_one_driver_takes_over_from_the_other(mongo_backend, driver):
    """As when instances are restarted one after another with another setting."""
    before = MongoBackend(mongo_backend.uri, mongo_backend.name, *({*TOLD} - {driver}))
    former = await Owner(before.store(), "former").claim()
    await former.commit(writes(created(contract())), at(1))
    left_open = former.transaction()
    await (await left_open.__aenter__()).write(
        writes(changed(contract(), contract(version=2))), [former.move(at(2))]
    )
    heir = await Owner(mongo_backend.store(), "heir").claim()
    assert heir.position == at(1)
    await heir.commit(writes(changed(contract(), contract(version=3))), at(2))
    with pytest.raises((OutcomeUnknown, StoreUnavailable, WriteConflict)):
        await left_open.__aexit__(None, None, None)
    assert mongo_backend.contracts() == [contract(version=3)]
    await before.close()


def test_connections_whose_loop_has_ended_need_no_end(settings):
    client = open_mongo(settings)

    async def ask() -> None:
        await make_store(settings, client).positions(["t/0"])

    asyncio.run(ask())
    close_soon(client)


async def test_a_cancellation_is_never_lost(mongo_backend):
    """The task is cancelled at each turn of the event loop that a call takes: it always ends."""
    known = KnownTemplates(mongo_backend.store().database)
    await known.read()
    for turns in range(100):
        polling = asyncio.create_task(_poll(known))
        for _ in range(turns):
            await asyncio.sleep(0)
        polling.cancel()
        done, _ = await asyncio.wait({polling}, timeout=5)
        assert done, f"it still polls, cancelled after {turns} turns of the event loop"
        assert polling.cancelled()


async def _poll(known: KnownTemplates) -> None:
    while True:
        await known.read()

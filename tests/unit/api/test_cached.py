"""Contracts from a cache: what an answer says about its age, and who gets none of it."""

import asyncio
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from consumer.api.log import POLL_SECONDS
from consumer.reading.hot import Held
from consumer.reading.reader import ContractReader
from consumer.storage.protocols import base_of
from schemas.views import visible
from tests.unit.api.conftest import Api, made_api
from tests.unit.api.test_commands import PATH, WAIT, create

CONTRACT = "/v1/accounts/acme/contract"


class Cache:
    """Keeps the first state that it was asked for, as if nobody kept it current."""

    def __init__(self) -> None:
        self.kept: Held | None = None
        self.reads = 0

    async def held(self, account_id: str, read) -> Held:
        if self.kept is not None:
            return self.kept
        self.reads += 1
        contract = await read(account_id)
        if contract is not None:
            self.kept = Held(visible(contract), contract["lifecycle"]["offset"])
        return Held(self.kept.contract if self.kept else None, None)


@pytest.fixture
def cache() -> Cache:
    return Cache()


@pytest.fixture
def api(tmp_path: Path, cache: Cache) -> Api:
    made = made_api(tmp_path)
    reader = ContractReader(made.queries, clock=lambda: made.kit.now, hot=cache)
    again = made_api(tmp_path, reader=reader, log=made.log, progress=made.progress)
    return replace(made, app=again.app, tokens=again.tokens)


async def changed(http: httpx.AsyncClient, **headers: str) -> httpx.Response:
    data = {"changes": {"auto_renewal": False}}
    return await http.post(PATH + "update", json=data, headers={**WAIT, **headers})


async def test_an_old_answer_names_the_old_position_and_who_asks_for_more_gets_more(
    publisher: httpx.AsyncClient, cache: Cache
) -> None:
    await create(publisher)
    first = await publisher.get(CONTRACT)
    written = await changed(publisher)
    await asyncio.sleep(POLL_SECONDS)  # before the first command there was no partition
    cached = await publisher.get(CONTRACT)
    assert (cached.json()["version"], cached.headers["contracts-position"]) == (1, "0/0")
    assert cached.headers["etag"] == first.headers["etag"]
    wanted = {"Contracts-At-Least": written.headers["contracts-position"]}
    fresh = await publisher.get(CONTRACT, headers=wanted)
    assert (fresh.json()["version"], fresh.headers["contracts-position"]) == (2, "0/1")
    assert cache.reads == 1, "who asks for more does not go through the cache"


async def test_an_old_etag_changes_nothing(publisher: httpx.AsyncClient) -> None:
    await create(publisher)
    await publisher.get(CONTRACT)
    await changed(publisher)
    old = (await publisher.get(CONTRACT)).headers["etag"]
    refused = await changed(publisher, **{"If-Match": old})
    assert (refused.status_code, refused.json()["code"]) == (412, "version_conflict")
    wanted = {"Contracts-At-Least": refused.headers["contracts-position"]}
    tag = (await publisher.get(CONTRACT, headers=wanted)).headers["etag"]
    assert (await changed(publisher, **{"If-Match": tag})).status_code == 200


async def test_a_contract_of_a_log_that_was_replaced_names_no_position(
    publisher: httpx.AsyncClient, cache: Cache
) -> None:
    await create(publisher)
    await publisher.get(CONTRACT)
    cache.kept = cache.kept._replace(sequence=base_of(2) + 5)
    assert "contracts-position" not in (await publisher.get(CONTRACT)).headers

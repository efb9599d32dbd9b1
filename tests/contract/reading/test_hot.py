"""The cache on a real Redis: never too old, never back to an older version, never invented."""

from __future__ import annotations

import asyncio
from random import Random
from time import monotonic
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from consumer.reading.hot import HotContracts
from producers.testkit import Testkit
from schemas.contract import to_json
from tests.contract.reading.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

AGE = 0.6
ACCOUNT = "acme"


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.close()


class World:
    """The kit stands for the database; reads of it can be made slow."""

    def __init__(self, url: str, prefix: str) -> None:
        self.kit = Testkit()
        self.sources: list[str] = []
        self.reads = 0
        self._url = url
        self._prefix = prefix
        self.opened: list[HotContracts] = []

    def hot(self) -> HotContracts:
        """The cache as another process has it."""
        redis = Redis.from_url(self._url)
        made = HotContracts(redis, prefix=self._prefix, max_age=AGE, report=self._tell)
        self.opened.append(made)
        return made

    def _tell(self, source: str, _seconds: float) -> None:
        self.sources.append(source)

    async def read(self, account: str) -> Any:
        self.reads += 1
        return self.kit._partition.current.get(account)

    async def follow(self, hot: HotContracts, record: Any) -> None:
        """What the follower does with a record of the topic of states."""
        position = dict(record.headers)["ce_sequence"].decode()
        contract = None if record.value is None else to_json(orjson.loads(record.value)["contract"])
        await hot.newer(record.key.decode(), position, contract)


@pytest_asyncio.fixture
async def world(redis_server: RedisServer, test_id: str) -> AsyncIterator[World]:
    made = World(redis_server.url, f"{test_id}:")
    await made.kit.create(ACCOUNT, contract_type="basic", base_monthly_fee=12.345)
    yield made
    for hot in made.opened:
        await hot.close()


async def test_it_is_filled_by_reading_and_shows_what_the_database_shows(world: World):
    hot = world.hot()
    shown = [await hot.by_account(ACCOUNT, world.read) for _ in range(3)]
    assert shown == [world.kit.contract(ACCOUNT)] * 3
    assert world.sources == ["database", "cache", "cache"]
    assert await hot.by_account("nobody", world.read) is None
    assert await world.hot().by_account(ACCOUNT, world.read) == world.kit.contract(ACCOUNT)
    assert world.reads == 2


async def test_an_answer_is_never_older_than_the_bound_even_if_nobody_follows(world: World):
    hot = world.hot()
    await hot.by_account(ACCOUNT, world.read)
    await world.kit.update(ACCOUNT, changes={"notes": "new"})
    changed = asked = monotonic()
    while (await hot.by_account(ACCOUNT, world.read))["version"] == 1:
        assert asked - changed <= AGE  # a slow answer is no older
        await asyncio.sleep(0.01)
        asked = monotonic()
    assert world.sources.count("cache") > 1


async def test_the_topic_of_states_makes_it_newer_and_never_older(world: World):
    hot = world.hot()
    await hot.by_account(ACCOUNT, world.read)
    for number in range(3):
        await world.kit.update(ACCOUNT, changes={"notes": str(number)})
    await world.follow(hot, world.kit.states[2])
    await world.follow(hot, world.kit.states[1])
    assert (await hot.by_account(ACCOUNT, world.read))["version"] == 3
    await world.follow(hot, world.kit.states[3])
    assert await hot.by_account(ACCOUNT, world.read) == world.kit.contract(ACCOUNT)
    assert world.reads == 1
    await world.kit.delete(ACCOUNT)
    await world.follow(hot, world.kit.states[-1])
    assert await hot.by_account(ACCOUNT, world.read) is None


async def test_states_of_accounts_that_nobody_reads_are_not_kept(world: World):
    hot = world.hot()
    await world.follow(hot, world.kit.states[0])
    await hot.by_account(ACCOUNT, world.read)
    assert world.sources == ["database"]


@pytest.mark.parametrize("deleted", [False, True])
async def test_a_slow_reader_cannot_bring_back_what_was(world: World, *, deleted: bool):
    old, hot = world.kit._partition.current[ACCOUNT], world.hot()

    async def slow(_account: str) -> Any:
        await (world.kit.delete(ACCOUNT) if deleted else world.kit.update(ACCOUNT, changes={"notes": "new"}))
        assert await world.hot().by_account(ACCOUNT, world.read) == world.kit.contract(ACCOUNT)
        return old

    await hot.by_account(ACCOUNT, slow)
    assert await hot.by_account(ACCOUNT, world.read) == world.kit.contract(ACCOUNT)


async def test_what_was_read_too_long_ago_is_not_kept(world: World):
    hot = world.hot()

    async def slow(account: str) -> Any:
        found = await world.read(account)
        await asyncio.sleep(AGE * 1.2)
        return found

    await hot.by_account(ACCOUNT, slow)
    await hot.by_account(ACCOUNT, world.read)
    assert world.sources == ["database", "database"]


@pytest.mark.parametrize("fault", ["kill", "pause"])
async def test_without_redis_answers_are_slower_and_right(
    world: World, redis_server: RedisServer, caplog: pytest.LogCaptureFixture, fault: str
):
    hot = world.hot()
    caplog.set_level("INFO", "consumer.reading.hot")
    await hot.by_account(ACCOUNT, world.read)
    getattr(redis_server, fault)()
    try:
        for number in range(5):
            await world.kit.update(ACCOUNT, changes={"notes": str(number)})
            assert await hot.by_account(ACCOUNT, world.read) == world.kit.contract(ACCOUNT)
    finally:
        redis_server.start() if fault == "kill" else redis_server.resume()
    deadline = monotonic() + 10
    while world.sources[-1] != "cache":
        assert await hot.by_account(ACCOUNT, world.read) == world.kit.contract(ACCOUNT)
        assert monotonic() < deadline
        await asyncio.sleep(0.05)
    assert "database_alone" in world.sources
    logged = [record.levelname for record in caplog.records if record.name == "consumer.reading.hot"]
    assert logged == ["WARNING", "INFO"]


async def test_what_redis_holds_after_it_was_away_is_not_told(world: World, redis_server: RedisServer):
    """It may be older than what was told from the database meanwhile."""
    hot = world.hot()
    await hot.by_account(ACCOUNT, world.read)
    redis_server.pause()
    await world.kit.update(ACCOUNT, changes={"notes": "new"})
    told = await hot.by_account(ACCOUNT, world.read)
    redis_server.resume()
    assert told == await hot.by_account(ACCOUNT, world.read) == world.kit.contract(ACCOUNT)


class Crowd:
    """Readers, each a process of its own; a writer; a follower that is late and loses records."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.chance = Random(7)
        self.stopped = False
        self.written = [monotonic()]
        """When each version was stored."""

    async def read(self, account: str) -> Any:
        found = await self.world.read(account)
        await asyncio.sleep(self.chance.random() * 0.05)
        return found

    async def reader(self) -> None:
        hot, seen, written = self.world.hot(), 0, self.written
        while not self.stopped:
            began = monotonic()
            version = (await hot.by_account(ACCOUNT, self.read))["version"]
            assert seen <= version <= len(written), "back, or invented"
            assert version == len(written) or began - written[version] <= AGE + 0.1, "too old"
            seen = version
            await asyncio.sleep(0.002)

    async def follower(self) -> None:
        """Dead again and again, for longer than an answer may be old: nothing else makes entries newer."""
        hot, states = self.world.hot(), self.world.kit.states
        while not self.stopped:
            place, began = len(states), monotonic()
            while monotonic() - began < AGE:
                await asyncio.sleep(0.03)
                for record in states[place:]:
                    if self.chance.random() < 0.7:
                        await self.world.follow(hot, record)
                place = len(states)
            await asyncio.sleep(2 * AGE)

    async def writer(self) -> None:
        while not self.stopped:
            await asyncio.sleep(self.chance.random() * 0.1)
            self.written.append(monotonic())
            await self.world.kit.update(ACCOUNT, changes={"notes": str(len(self.written))})


async def test_under_kills_no_reader_goes_back_or_is_too_late(world: World, redis_server: RedisServer):
    crowd = Crowd(world)
    works = (crowd.reader(), crowd.reader(), crowd.reader(), crowd.follower(), crowd.writer())
    tasks = [asyncio.create_task(work) for work in works]
    for _ in range(3):
        await asyncio.sleep(1.2)
        redis_server.kill()
        await asyncio.sleep(0.3)
        redis_server.start()
    await asyncio.sleep(2 * AGE)
    crowd.stopped = True
    await asyncio.gather(*tasks)
    assert world.sources.count("cache") > 100

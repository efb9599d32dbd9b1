"""What one partition is refused for does not stop the others of its worker."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from consumer.engine import backoff, refusals
from consumer.engine.cache import CacheBudget, ContractCache
from consumer.engine.encoder import Encoder
from consumer.engine.limits import Limits
from consumer.engine.partition import Partition
from consumer.engine.takeover import Resumed
from consumer.errors import (
    AheadOfPosition,
    BatchTooLarge,
    DeadLetterLimit,
    NewerSchema,
    StoreUnavailable,
    TornDatabase,
    WriteConflict,
)
from consumer.kafka.fetcher import Fetched
from consumer.storage.protocols import Position
from tests.simulation import clients, store
from tests.simulation.chaos import Chaos
from tests.simulation.commands import accounts
from tests.simulation.group import METRICS, make_worker
from tests.simulation.world import World
from tests.unit.engine.logs import POISON, TOPIC, create, rubbish, update
from tests.unit.engine.scene import ORIGIN, PLACE
from tests.unit.engine.scene import Scene as Running
from tests.unit.engine.storer import Scene


async def beside(log, **limits):
    """A worker with two partitions: one with this log, and another with one command."""
    world = World(Chaos.none())
    at_fault = await Scene(log, world=world, **limits).begin()
    other = Partition(
        1,
        encoder=Encoder(1),
        cache=ContractCache(CacheBudget(1 << 20)),
        make_decoder=lambda _: world.decoder,
        limits=Limits(),
        metrics=METRICS,
    )
    at_home_there = create(0, at_home_in(1))._replace(partition=1)
    second = Position(f"{TOPIC}/1", ORIGIN, next=0)
    await at_fault.store.begin(second, "me")
    other.go_on_from(Resumed(second, 0))
    other.take_in(Fetched(0, [at_home_there], 1, 1, 1), now=0.0)
    return at_fault, other


async def test_what_one_partition_is_refused_for_does_not_stop_the_others():
    """Their batch is parted, until the one at fault stands alone; then its commands are."""
    at_fault, other = await beside([create(0), update(1, external_reference=POISON), update(2)])
    stored = await at_fault.storing.store(0, [at_fault.partition, other])
    assert [one.partition for one in stored] == [other]
    await at_fault.store_all()
    assert [one.error for one in (at_fault.partition, other)] == [None, None]
    assert at_fault.position.next == 3
    history = at_fault.database.history.values()
    assert [one.code for one in history].count("refused_by_database") == 1


async def test_a_partition_with_too_many_dead_letters_leaves_the_batch():
    flood = [rubbish(offset) for offset in range(9)]
    at_fault, other = await beside(flood, dead_letter_count=2, dead_letter_share=0.1)
    stored = await at_fault.storing.store(0, [at_fault.partition, other])
    assert [one.partition for one in stored] == [other]
    assert isinstance(at_fault.partition.error, DeadLetterLimit)
    assert other.error is None


async def test_a_partition_that_stops_leaves_the_batch():
    at_fault, other = await beside([create(0)])
    at_fault.caller.fail("write", *[AheadOfPosition("a contract of later")] * 3)
    stored = await at_fault.storing.store(0, [at_fault.partition, other])
    assert [one.partition for one in stored] == [other]
    assert isinstance(at_fault.partition.error, TornDatabase)
    assert other.error is None


@pytest.mark.parametrize(
    ("seconds", "error"),
    [
        (0.2, StoreUnavailable("no answer in time")),
        (0.2, BatchTooLarge("MaxTimeMSExpired")),
        (0.0, BatchTooLarge("TransactionTooLarge")),
        (0.0, WriteConflict("cache overflow")),
        (0.0, StoreUnavailable("an error that nobody knows")),
        (0.0, NewerSchema("contract 7")),
    ],
)
async def test_what_the_database_never_takes_from_one_partition_does_not_stop_the_others(
    monkeypatch, seconds, error
):
    monkeypatch.setattr(backoff, "BACKOFF_SECONDS", (0.0,))
    refuse(monkeypatch, error, seconds)
    async with running() as (scene, worker):
        await the_other_goes_on(scene, worker)


@pytest.mark.parametrize("error", [BatchTooLarge("TransactionTooLarge"), NewerSchema("contract 7")])
async def test_what_is_certainly_not_stored_is_tried_again_without_a_takeover(monkeypatch, error):
    """A takeover interrupts all partitions of the worker, and here it would come again and again."""
    monkeypatch.setattr(refusals, "AGAIN_SECONDS", 0.02)
    over = refuse(monkeypatch, error)
    async with running() as (scene, worker):
        await the_other_goes_on(scene, worker)
        async with asyncio.timeout(10):
            while not worker.why_idle():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        assert worker.why_idle() == {0: error}
        over.set()
        await until_reached(worker, 0, 1)
        assert worker.why_idle() == {}, "said as soon as it is stored"
        assert worker._takeover.owner.endswith("#1"), "the first life"


async def test_after_failures_only_the_partition_that_is_refused_is_not_ready(monkeypatch):
    """The other has nothing to do that could show that it works again."""
    monkeypatch.setattr(refusals, "AGAIN_SECONDS", 0.02)
    monkeypatch.setattr(backoff, "BACKOFF_SECONDS", (0.0,))
    error, away = BatchTooLarge("TransactionTooLarge"), StoreUnavailable("it is started anew")
    refuse(monkeypatch, error)
    async with running(*[away] * 3) as (_, worker), asyncio.timeout(10):
        while worker.why_idle() != {0: error}:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def test_while_the_database_is_away_no_older_refusal_is_told(monkeypatch):
    monkeypatch.setattr(refusals, "AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(backoff, "BACKOFF_SECONDS", (0.01,))
    refuse(monkeypatch, BatchTooLarge("TransactionTooLarge"))
    async with running() as (scene, worker), asyncio.timeout(10):
        while worker.partitions[0].batch_size.refusal is None:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        away = StoreUnavailable("the disk is full")
        refuse(monkeypatch, away)
        scene.heir.fail("positions", *[away] * 1_000)
        while worker.why_idle() != {0: away, 1: away}:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def test_a_command_that_is_tried_again_holds_no_lane(monkeypatch):
    """With four lanes, four such partitions would hold up all others."""
    monkeypatch.setattr(refusals, "AGAIN_SECONDS", 60.0)
    scene = await Scene([create(0)]).begin()
    scene.caller.fail("write", *[NewerSchema("contract 7")] * 2)
    async with asyncio.timeout(10):
        for _ in range(2):
            assert await scene.storing.store(0, [scene.partition]) == []
    assert not scene.partition.ready
    scene.partition.batch_size.begin()
    assert scene.partition.ready


def refuse(monkeypatch, error, seconds=0.0):
    """MongoDB does not take what partition 0 writes, until the event that is returned is set."""
    over = asyncio.Event()
    write = store._Transaction.write

    async def refusing(self, writes, moves):
        if PLACE in [move.position.partition for move in moves] and not over.is_set():
            await asyncio.sleep(seconds)
            raise error
        await write(self, writes, moves)

    monkeypatch.setattr(store._Transaction, "write", refusing)
    monkeypatch.setattr(clients, "LEADERS", 1)  # the commands of both partitions come with one answer
    return over


@asynccontextmanager
async def running(*failures):
    """A worker with two partitions, of which the first has one command; its first takeovers fail so."""
    scene = Running()
    scene.heir.fail("positions", *failures)
    worker = make_worker(scene.heir, [0, 1], "heir")
    scene.send([create(0)])
    task = asyncio.create_task(worker.run())
    try:
        yield scene, worker
    finally:
        worker.stop()
        task.cancel()
        await asyncio.wait({task})


async def the_other_goes_on(scene, worker):
    for count in (3, 6):
        scene.send([create(n, at_home_in(1))._replace(partition=1) for n in range(3)])
        await until_reached(worker, 1, count)
    assert worker.reached()[0] == 0


async def until_reached(worker, partition, offset):
    async with asyncio.timeout(10):
        while worker.reached().get(partition) != offset:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


def at_home_in(partition):
    return accounts(partition, 2)[0]

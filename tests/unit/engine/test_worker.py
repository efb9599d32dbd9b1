"""What a worker says of itself, when it makes a batch, and which of two failures comes first."""

import asyncio

import pytest

from consumer.engine import backoff
from consumer.engine import pipeline as pipeline_module
from consumer.engine.batch_size import BatchSize
from consumer.engine.dead_letter_limit import RecentRecords
from consumer.engine.limits import Limits
from consumer.engine.pipeline import STORE
from consumer.engine.schedule import FULL
from consumer.engine.takeover import Resumed
from consumer.engine.workers import Workers
from consumer.errors import DeadLetterLimit, PublishInDoubt, RecordDamaged, StoreUnavailable
from consumer.kafka.fetcher import Fetched
from consumer.storage.protocols import Position, Stop
from consumer.telemetry.health import Health
from consumer.telemetry.metrics import Metrics
from tests.simulation.group import make_worker
from tests.unit.engine.logs import create, rubbish, update
from tests.unit.engine.oracle import by_topic, expected
from tests.unit.engine.scene import ORIGIN, PLACE, Scene


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(backoff, "BACKOFF_SECONDS", (0.0,))


async def until_two_are_told(scene, worker):
    """Runs the worker until its progress is behind two commands, and then to an orderly end."""
    running = asyncio.create_task(worker.run())
    async with asyncio.timeout(10):
        while scene.told != 2:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    worker.stop()
    await running


async def test_a_worker_that_fails_again_and_again_is_not_ready():
    scene = Scene()
    worker = make_worker(scene.heir, [0], "heir")
    told = []

    def fails():
        told.append(worker.why_idle())
        if len(told) == 4:
            worker.stop()
        raise StoreUnavailable("the disk is full")

    scene.heir.at("positions", *[fails] * 4)
    await worker.run()
    assert [str(each.get(0)) for each in told] == ["None", "None", "the disk is full", "the disk is full"]


async def test_a_worker_that_works_again_is_ready_although_nothing_is_to_do():
    scene = Scene()
    worker = make_worker(scene.heir, [0], "heir")
    scene.heir.fail("positions", *[StoreUnavailable("it is started anew")] * 3)
    running = asyncio.create_task(worker.run())
    async with asyncio.timeout(10):
        while not worker.why_idle():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)
        while worker.why_idle():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    worker.stop()
    await running
    assert worker.partitions[0].taken_over


async def test_what_is_fetched_is_decoded_at_once():
    """The database is often busy with the last batch, and the next one then begins sooner."""
    scene = Scene()
    scene.send([create(0), update(1), update(2)])
    worker = make_worker(scene.heir, [0], "heir")
    worker._reading._ahead = 3
    partition = worker.partitions[0]
    partition.go_on_from(Resumed(Position(PLACE, ORIGIN, next=0), 0))
    await worker._reading.start()
    await worker._reading.fetch({0: 0}, 100)
    assert partition.intake.waiting == len(partition.intake._decoded) == 3


async def test_kafka_is_told_of_all_partitions_to_which_a_batch_is_published():
    scene = Scene()
    scene.send([create(0), update(1)])
    worker = make_worker(scene.heir, [0], "heir")
    opened, published = [], []
    publisher = worker._publisher
    begin, transact = publisher.open, publisher._transact

    def noted(partitions):
        opened.append(set(partitions))
        begin(partitions)

    async def transacted(epoch, batches):
        published.append({(batch.topic, batch.partition) for batch in batches})
        return await transact(epoch, batches)

    publisher.open, publisher._transact = noted, transacted
    await until_two_are_told(scene, worker)
    assert [each for each in published if len(each) > 1] == opened


async def test_what_a_stopped_partition_has_stored_is_published_all_the_same(monkeypatch):
    """Its last batch failed to be published after the dead letters of the next had stopped it."""
    monkeypatch.setattr(pipeline_module, "REST_SECONDS", 0.0)  # the next batch begins while it is published
    log = [create(0), update(1), *(rubbish(offset) for offset in range(2, 9))]
    scene = Scene()
    scene.send(log)
    worker = make_worker(scene.heir, [0], "heir")
    partition = worker.partitions[0]
    partition._recent = RecentRecords(Limits(dead_letter_count=1, dead_letter_share=0.1))
    partition.batch_size = BatchSize(2)
    # The first ends of transactions are those of the claims and of the takeover.
    scene.heir.at("end", lambda: None, lambda: None)
    scene.heir.fail("end", PublishInDoubt("no answer"))
    await until_two_are_told(scene, worker)
    assert isinstance(partition.error, DeadLetterLimit)
    # Although it was claimed since: what was published then was left from before the stop.
    assert scene.store.noted == {PLACE: Stop(str(partition.error), None)}
    assert scene.news() == by_topic(expected(log[:2]).outputs)


def waiting(count):
    """A pipeline that rests, with so many commands waiting."""
    worker = make_worker(Scene().heir, [0], "heir")
    partition = worker.partitions[0]
    partition.go_on_from(Resumed(Position(PLACE, ORIGIN, next=0), 0))
    partition.take_in(Fetched(0, [update(offset) for offset in range(count)], count, count, count), now=0.0)
    pipeline = worker._pipeline
    pipeline._rest_until = pipeline._now() + 60
    return pipeline


@pytest.mark.parametrize(("count", "begins"), [(1, False), (FULL - 1, False), (FULL, True)])
async def test_commands_gather_after_a_batch_until_they_are_worth_one(count, begins):
    pipeline = waiting(count)
    pipeline._start_batch(pipeline._now())
    assert pipeline._tasks.any(STORE) == begins
    await pipeline._tasks.cancel()


async def test_what_becomes_ripe_within_a_turn_is_not_slept_over():
    pipeline = waiting(1)
    now = pipeline._now()
    pipeline._rest_until = pipeline._fetch_from = now + 1e-9
    pipeline._start_batch(now)
    assert not pipeline._tasks.any(STORE)
    while pipeline._now() <= pipeline._rest_until:  # noqa: ASYNC110 - the time that the turn takes
        await asyncio.sleep(0)
    assert pipeline._pause(now) == pytest.approx(0, abs=1e-6)


async def test_the_age_of_commands_behind_an_open_transaction_grows():
    worker = make_worker(Scene().heir, [0], "heir")
    partition = worker.partitions[0]
    partition.go_on_from(Resumed(Position(PLACE, ORIGIN, next=4), 4))
    for now in (100.0, 115.0):
        partition.take_in(Fetched(4, (), 4, 4, 9), now)
    assert partition.delay.lag == (5, 15.0)


def test_without_a_command_topic_a_process_is_not_ready():
    workers = Workers(lambda *_: None, Health(), Metrics())
    assert workers.why_idle() == "no partitions are assigned yet"
    workers.owned((), 12)
    assert workers.why_idle() is None
    workers.owned((), 0)
    assert "command topic is not there" in workers.why_idle()


@pytest.mark.parametrize(
    ("seconds", "hindrance", "stops"),
    [
        (61.0, None, True),
        (59.0, None, False),
        (61.0, "busy", False),
        (61.0, "unpublished_batches", False),
    ],
    ids=["for long", "not for long", "a batch is being stored", "a batch is not published"],
)
async def test_damaged_records_stop_a_partition_once_all_before_them_is_done(seconds, hindrance, stops):
    worker = make_worker(Scene().heir, [0], "heir")
    partition = worker.partitions[0]
    partition.go_on_from(Resumed(Position(PLACE, ORIGIN, next=4), 4))
    if hindrance:
        setattr(partition if hindrance == "busy" else partition.publication, hindrance, 1)
    partition.delay.obstacle.refused(
        RecordDamaged(*partition.position.topic_partition, 4), worker._pipeline._now() - seconds
    )
    hopeless = worker._reading.hopeless()
    assert [(one.number, error.facts) for one, error in hopeless] == [(0, {"offset": 4})] * stops

"""What waits and what is not published yet take a limited number of bytes, and no partition waits for it."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.engine import apply as apply_module
from consumer.engine import reading as reading_module
from consumer.engine.intake import Intake
from consumer.engine.limits import UNPUBLISHED_BYTES
from consumer.engine.pipeline import STORE
from consumer.engine.reading import Reading
from consumer.engine.records import bytes_in
from consumer.engine.takeover import Resumed
from consumer.kafka.fetcher import Fetched
from consumer.kafka.parsing import LogRecord
from consumer.storage.protocols import Position
from consumer.telemetry.traces import NO_TRACES
from tests.simulation.group import METRICS, make_worker
from tests.unit.engine.logs import TOPIC, create, unreadable, update
from tests.unit.engine.scene import ORIGIN
from tests.unit.engine.scene import Scene as Running
from tests.unit.engine.test_isolation import at_home_in, beside

BUDGET = 1_000


def of_size(number, offset, size):
    return LogRecord(TOPIC, number, offset, 0, None, b"x" * size, ())


class Leader:
    """In the place of a Fetcher: its answers have so many records of each partition, however large."""

    def __init__(self, logs, most):
        self._logs = logs
        self._most = most
        self.answers = Counter()

    async def fetch(self, positions, *, timeout_ms):
        found = {}
        for number, first in positions.items():
            log = self._logs[number]
            records = [one for one in log if one.offset >= first][: self._most]
            following = records[-1].offset + 1 if records else first
            found[number] = Fetched(first, records, following, len(log), len(log))
            self.answers[number] += 1
        return found


def reading_of(logs, most):
    partitions = make_worker(Running().heir, range(len(logs)), "heir").partitions
    for number, partition in partitions.items():
        partition.go_on_from(Resumed(Position(f"{TOPIC}/{number}", ORIGIN, next=0), 0))
    leader = Leader(logs, most)
    reading = Reading(leader, partitions, batch_commands=1_000, metrics=METRICS, traces=NO_TRACES)
    return reading, leader, partitions


async def taken(partition, count):
    """The first records, as if their batch were stored."""
    intake = partition.intake
    await intake.decode(count, 100)
    records, _ = intake.take(count, None)
    return [decoded.record for decoded in intake.done(len(records))]


def first_size(partition):
    ((first,), _) = partition.intake.take(1, None) if partition.intake.waiting else ((None,), 0)
    return 0 if first is None else bytes_in(first.record)


sizes = st.lists(st.sampled_from([1, 10, 100, 300, 2_500]), max_size=20)


@given(st.lists(sizes, min_size=1, max_size=6), st.integers(1, 10), st.data())
def test_what_waits_fits_into_the_budget_and_all_of_it_is_processed(all_sizes, most, data):
    logs = [
        [of_size(number, offset, size) for offset, size in enumerate(some)]
        for number, some in enumerate(all_sizes)
    ]

    async def all_processed():
        reading, _, partitions = reading_of(logs, most)
        done = {number: [] for number in partitions}
        while any(len(done[number]) < len(log) for number, log in enumerate(logs)):
            if (wanted := reading.wanted(0.0)) is not None:
                await reading.fetch(*wanted)
            empty = [n for n, p in partitions.items() if not p.intake.waiting and len(done[n]) < len(logs[n])]
            assert not empty, "a partition without waiting records gets at least one"
            for partition in partitions.values():
                await partition.intake.decode(1, 100)
            waiting = sum(partition.intake.bytes for partition in partitions.values())
            assert waiting <= BUDGET + sum(map(first_size, partitions.values()))
            number = data.draw(st.sampled_from([n for n, p in partitions.items() if p.intake.waiting]))
            done[number] += await taken(partitions[number], data.draw(st.integers(1, 5)))
        assert done == dict(enumerate(logs))
        assert [partition.intake.bytes for partition in partitions.values()] == [0] * len(partitions)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading_module, "WAITING_BYTES", BUDGET)
        asyncio.run(all_processed())


async def test_a_partition_with_its_share_is_not_fetched_and_the_others_are(monkeypatch):
    monkeypatch.setattr(reading_module, "WAITING_BYTES", BUDGET)
    logs = [[of_size(0, offset, 250) for offset in range(4)], [of_size(1, offset, 1) for offset in range(4)]]
    reading, leader, partitions = reading_of(logs, most=1)
    while (wanted := reading.wanted(0.0)) and leader.answers[1] < 4:
        await reading.fetch(*wanted)
    assert {number: partition.intake.waiting for number, partition in partitions.items()} == {0: 2, 1: 4}
    assert leader.answers == {0: 2, 1: 4}
    await taken(partitions[0], 1)
    assert reading.wanted(0.0)[0] == {0: 2, 1: 4}


async def test_the_lag_counts_what_is_dropped_until_it_is_fetched_again(monkeypatch):
    monkeypatch.setattr(reading_module, "WAITING_BYTES", BUDGET)
    reading, _, partitions = reading_of([[of_size(0, offset, 400) for offset in range(9)]], most=6)
    await reading.fetch({0: 0}, 0)
    assert partitions[0].intake.waiting == 2
    assert partitions[0].delay.lag.records == 9


async def test_decoded_records_are_not_dropped():
    intake = Intake(Running().world.decoder, 0)
    intake.add(Fetched(0, [update(0), unreadable(1), update(2)], 5, 5, 5))
    await intake.decode(2, 100)
    intake.cut(0)
    assert (intake.waiting, intake.next) == (2, 2)
    assert intake.bytes == bytes_in(update(0))


async def test_a_batch_of_many_partitions_is_not_larger_for_it(monkeypatch):
    """But each of them goes on, with one command at least."""
    monkeypatch.setattr(apply_module, "BATCH_SHARES", 1)
    log = [create(0), *(update(offset, notes="x" * 9_000) for offset in range(1, 9))]
    first, other = await beside(log, batch_output_bytes=20_000)
    account = at_home_in(1)
    later = [update(offset, account, f"id-{offset}")._replace(partition=1) for offset in (1, 2)]
    other.take_in(Fetched(1, later, 3, 3, 3), now=0.0)
    stored = await first.storing.store(0, [first.partition, other])
    assert 1 < len(stored[0].timestamps) < len(log)
    assert len(stored[1].timestamps) == 1
    assert all(one.bytes > 0 for one in stored)
    (rest,) = await first.storing.store(0, [other])
    assert rest.position.next == 3


async def test_no_batch_begins_while_publishing_is_far_behind():
    worker = make_worker(Running().heir, [0], "heir")
    partition, pipeline = worker.partitions[0], worker._pipeline
    partition.go_on_from(Resumed(Position(f"{TOPIC}/0", ORIGIN, next=0), 0))
    partition.take_in(Fetched(0, [update(0)], 1, 1, 1), now=0.0)
    for unpublished, begins in ((UNPUBLISHED_BYTES, False), (0, True)):
        pipeline._publish_queue._bytes = unpublished
        pipeline._start_batch(pipeline._now())
        assert pipeline._tasks.any(STORE) == begins
    await pipeline._tasks.cancel()

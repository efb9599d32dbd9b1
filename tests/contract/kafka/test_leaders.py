"""Several leaders, of which some fail: with a client that answers as the test says."""

import asyncio

import pytest
from aiokafka.errors import KafkaConnectionError, RequestTimedOutError

from consumer.errors import BrokerDenied, BrokerUnavailable, OutOfLog, PartitionMissing, RecordDamaged
from consumer.kafka import whereabouts as module
from consumer.kafka.fetcher import Fetched, Fetcher
from tests.contract.kafka.leading import TOPIC, World, batch

OK, OUT_OF_RANGE, CORRUPT, UNKNOWN_TOPIC, NOT_LEADER, DENIED, SERVER_ERROR = 0, 1, 2, 3, 6, 29, -1
WAIT_MS = 200


@pytest.fixture
async def world():
    """Two leaders with two partitions each; every partition has one record after the other."""
    made = World({0: 1, 1: 1, 2: 2, 3: 2})
    made.answers = {1: next_records, 2: next_records}
    return made


@pytest.fixture
async def reader(world):
    made = Fetcher(world.client, TOPIC, max_bytes=1 << 20)
    await made.start()
    yield made
    await made.stop()


def next_records(positions):
    return {number: (OK, batch(offset, b"%d" % offset)) for number, offset in positions.items()}


def instead(number, code, block=b""):
    """All as usual, but one partition."""
    return lambda positions: (
        next_records(positions) | ({number: (code, block)} if number in positions else {})
    )


async def never(_):
    await asyncio.Event().wait()


async def until(reader, positions, numbers):
    """What came of these partitions."""
    came = {}
    async with asyncio.timeout(10):
        while not came.keys() >= set(numbers):
            came |= await reader.fetch(positions, timeout_ms=WAIT_MS)
    return came


async def test_others_are_read_while_one_leader_does_not_answer(world, reader):
    world.answers[2] = never
    at = dict.fromkeys(range(4), 0)
    for offset in range(3):
        came = await reader.fetch(at, timeout_ms=WAIT_MS)
        assert came.keys() == {0, 1}
        at |= {number: one.next for number, one in came.items()}
        assert at[0] == offset + 1
    assert [node for node, _ in world.asked].count(2) == 1


async def test_who_has_no_leader_and_who_is_not_there(world, reader):
    world.leaders[1] = None
    del world.leaders[3]
    found = await reader.leaderless(range(4))
    assert {number: type(error) for number, error in found.items()} == {
        1: BrokerUnavailable,
        3: PartitionMissing,
    }


async def test_a_leader_that_is_elected_in_a_moment_is_waited_for(world, reader):
    world.leaders[1] = None
    asyncio.get_running_loop().call_later(0.05, world.leaders.update, {1: 2})
    assert await reader.leaderless(range(4)) == {}


async def test_a_late_answer_is_returned_by_a_later_call(world, reader):
    late = asyncio.Event()

    async def later(positions):
        await late.wait()
        return next_records(positions)

    world.answers[2] = later
    at = dict.fromkeys(range(4), 0)
    assert (await reader.fetch(at, timeout_ms=WAIT_MS)).keys() == {0, 1}
    late.set()
    assert (await until(reader, at, [2, 3]))[2].records[0].value == b"0"


async def test_a_late_answer_for_another_offset_is_dropped(world, reader):
    late = asyncio.Event()

    async def later(positions):
        await late.wait()
        return next_records(positions)

    world.answers[2] = later
    await reader.fetch({0: 0, 2: 0, 3: 0}, timeout_ms=WAIT_MS)
    late.set()
    world.answers[1] = never
    at = {0: 1, 2: 5, 3: 0}
    came = await reader.fetch(at, timeout_ms=WAIT_MS)
    assert came.keys() == {3}
    assert (await until(reader, at, [2]))[2].first == 5


async def test_two_fetches_are_no_two_requests(world, reader):
    world.answers = dict.fromkeys([1, 2], never)
    at = dict.fromkeys(range(4), 0)
    for _ in range(3):
        assert await reader.fetch(at, timeout_ms=10) == {}
    assert sorted(node for node, _ in world.asked) == [1, 2]


async def test_each_partition_comes_first_in_a_request_some_time(world, reader):
    """The broker sends large batches only of the first that has any; two leaders take turns."""

    def only_the_first(positions):
        number, offset = next(iter(positions.items()))
        return dict.fromkeys(positions, (OK, b"")) | {number: (OK, batch(offset, b"large"))}

    world.answers = {1: only_the_first, 2: only_the_first}
    at = dict.fromkeys(range(4), 0)
    for _ in range(8):
        at |= {number: one.next for number, one in (await reader.fetch(at, timeout_ms=WAIT_MS)).items()}
    assert all(offset >= 2 for offset in at.values()), at


async def test_a_partition_that_has_moved_is_asked_for_elsewhere(world, reader):
    world.answers[1] = instead(0, NOT_LEADER)
    world.leaders[0] = 2
    came = await until(reader, dict.fromkeys(range(4), 0), range(4))
    assert all(isinstance(one, Fetched) for one in came.values())
    assert any(node == 2 and 0 in numbers for node, numbers in world.asked)


async def test_a_lost_connection_is_an_error_of_its_partitions_only(world, reader):
    def lost(_):
        raise KafkaConnectionError("connection lost")

    world.answers[2] = lost
    at = dict.fromkeys(range(4), 0)
    came = await until(reader, at, range(4))
    assert isinstance(came[0], Fetched)
    assert isinstance(came[2], BrokerUnavailable)
    world.leaders |= {2: 1, 3: 1}
    async with asyncio.timeout(10):
        while not isinstance(came[2], Fetched):
            came |= await reader.fetch(at, timeout_ms=WAIT_MS)


async def test_without_any_answer_it_fails_and_connects_anew(world, reader):
    world.fails = RequestTimedOutError()
    with pytest.raises(BrokerUnavailable, match="does not answer"):
        await until(reader, {0: 0}, [0])
    world.fails = None
    await reader.start()
    assert world.clients == 2
    assert (await until(reader, {0: 0}, [0]))[0].next == 1
    await reader.start()
    assert world.clients == 2


async def test_no_leader_does_not_hold_up_the_others(world, reader, monkeypatch):
    monkeypatch.setattr(module, "MISSING_SECONDS", 0.3)
    del world.leaders[1]
    world.leaders[3] = -1
    await reader.partitions()
    at, came = dict.fromkeys(range(4), 0), {}
    async with asyncio.timeout(10):
        while not came.keys() >= {1, 3}:
            came = await reader.fetch(at, timeout_ms=WAIT_MS)
            at |= {number: one.next for number, one in came.items() if isinstance(one, Fetched)}
    assert isinstance(came[1], PartitionMissing)
    assert isinstance(came[3], BrokerUnavailable)
    assert at[0] > 3
    assert world.looked < 20


async def test_a_partition_that_was_away_is_to_be_looked_at_before_it_is_read(world, reader):
    """Its topic may have been deleted and made anew."""
    leader = world.leaders.pop(1)
    await reader.partitions()
    assert await reader.fetch({1: 0}, timeout_ms=WAIT_MS) == {}
    world.leaders[1] = leader
    assert isinstance((await until(reader, {1: 0}, [1]))[1], OutOfLog)
    assert isinstance((await until(reader, {1: 0}, [1]))[1], Fetched)


@pytest.mark.parametrize(
    ("code", "error"),
    [(CORRUPT, RecordDamaged), (SERVER_ERROR, BrokerUnavailable), (OUT_OF_RANGE, BrokerUnavailable)],
)
async def test_an_error_code_is_that_of_its_partition(world, reader, code, error):
    world.answers[1] = instead(0, code)
    came = await until(reader, {0: 4, 1: 4}, [0, 1])
    assert isinstance(came[0], error)
    assert isinstance(came[1], Fetched)


async def test_no_right_to_read_is_raised(world, reader):
    world.answers[1] = instead(0, DENIED)
    with pytest.raises(BrokerDenied):
        await reader.fetch({0: 0}, timeout_ms=WAIT_MS)


async def test_a_refused_partition_is_looked_for_with_a_pause(world, reader):
    world.answers[1] = instead(0, UNKNOWN_TOPIC)
    for _ in range(10):
        await reader.fetch({0: 0}, timeout_ms=50)
    assert world.looked <= 1 + 10 * 50 / 100 + 1


@pytest.mark.parametrize("cut", [1, 20, -1])
async def test_bytes_that_are_no_whole_batch_are_damaged(world, reader, cut):
    world.answers[1] = instead(0, OK, batch(0, b"1")[:cut])
    assert isinstance((await until(reader, {0: 0}, [0]))[0], RecordDamaged)


async def test_a_batch_that_is_cut_off_behind_others_is_asked_for_again(world, reader):
    world.answers[1] = instead(0, OK, batch(0, b"1") + batch(1, b"2")[:-1])
    one = (await until(reader, {0: 0}, [0]))[0]
    assert ([record.value for record in one.records], one.next) == ([b"1"], 1)


async def test_a_damaged_batch_behind_others_is_asked_for_again(world, reader):
    damaged = bytearray(batch(1, b"2"))
    damaged[-2] ^= 1
    world.answers[1] = instead(0, OK, batch(0, b"1") + damaged)
    one = (await until(reader, {0: 0}, [0]))[0]
    assert ([record.value for record in one.records], one.next) == ([b"1"], 1)
    world.answers[1] = instead(0, OK, bytes(damaged))
    error = (await until(reader, {0: 1}, [0]))[0]
    assert isinstance(error, RecordDamaged)
    assert error.offset == 1


async def test_nothing_wanted_is_nothing_asked(world, reader):
    assert await reader.fetch({}, timeout_ms=10) == {}
    assert world.asked == []

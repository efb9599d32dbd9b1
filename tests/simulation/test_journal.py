"""The real journal over simulated logs."""

import asyncio

import pytest
from aiokafka.record.default_records import DefaultRecordBatch

from consumer.errors import JournalDamaged, JournalForeign, RecordDamaged
from consumer.kafka.damage import REREAD_SECONDS
from consumer.kafka.fetcher import Bounds, Fetched
from consumer.kafka.journal import ReadBack
from consumer.kafka.journal_entries import Claim, Forgotten, Progress, Release, entry_of, journal_batch
from tests.simulation.broker import JOURNAL
from tests.simulation.clients import SimulatedJournal
from tests.simulation.publisher import SimulatedPublisher
from tests.simulation.world import in_virtual_time
from tests.unit.engine.logs import Record


async def written(caller, name, *entries):
    """Each in a transaction of its own; the offset of the last."""
    publisher = SimulatedPublisher(caller, name)
    await publisher.start()
    for entry in entries:
        (offset,) = await publisher.publish([journal_batch(JOURNAL, 0, entry, 0)])
    return offset


@pytest.mark.parametrize("claims", [1, 7, 8, 100])
def test_the_last_progress_is_found_before_any_number_of_claims(claims):
    async def reads(caller):
        await written(caller, "old", Progress(7, 1, "old"))
        for number in range(claims):
            await written(caller, f"w{number}", Claim(f"w{number}"))
        mine = await written(caller, "me", Claim("me"))
        return await SimulatedJournal(caller).read_back({0: mine}, "me")

    tail = in_virtual_time(reads)[0]
    assert tail.progress == Progress(7, 1, "old")
    assert tail.rivals.keys() == {"old", *(f"w{number}" for number in range(claims))}
    assert tail.is_last


class CompactedMeanwhile:
    """A journal whose owner has published behind a claim, whereupon its progress of before was removed.

    An answer holds the records of one segment, and the claim is the last one in its own.
    """

    topic = JOURNAL
    segments = ((5, 6, Claim("me")), (6, 8, Progress(9, 1, "old")))

    async def bounds(self, partitions):
        return dict.fromkeys(partitions, Bounds(0, 8, 8))

    async def fetch(self, positions, *, timeout_ms):
        offset, following, entry = next(one for one in self.segments if positions[0] < one[1])
        (record,) = DefaultRecordBatch(journal_batch(JOURNAL, 0, entry, 0).body)
        found = Record(JOURNAL, 0, offset, 0, record.key, record.value, ())
        return {0: Fetched(positions[0], [found], following, 8, 8)}


async def test_a_progress_behind_the_claim_is_read_that_removed_the_one_before_it():
    tails = await ReadBack(CompactedMeanwhile(), None, "me").run({0: 5})
    assert tails[0].progress == Progress(9, 1, "old")
    assert tails[0].rivals.keys() == {"old"}
    assert not tails[0].is_last


def entries(batch):
    return [entry_of(one.key, one.value) for one in DefaultRecordBatch(batch.body)]


def test_a_progress_lies_behind_the_tombstones_that_come_with_it():
    batch = journal_batch(JOURNAL, 0, Progress(7, 1, "me"), 0, forgotten={"you", "me"})
    assert entries(batch) == [Forgotten("me"), Forgotten("you"), Progress(7, 1, "me")]
    assert batch.records == 3


def test_however_many_claims_there_are_the_progress_fits():
    many = {f"worker-{number:05}-{'x' * 200}" for number in range(20_000)}
    found = entries(journal_batch(JOURNAL, 0, Progress(7, 1, "me"), 0, forgotten=many))
    assert found[-1] == Progress(7, 1, "me")
    assert {entry.worker for entry in found[:-1]} < many


@pytest.mark.parametrize("forgotten", [(), ("lost",)])
def test_the_claims_that_nobody_has_forgotten_are_told(forgotten):
    """One from before the progress too: a journal of an older release is full of them."""

    async def reads(caller):
        await written(caller, "lost", Claim("lost"))
        publisher = SimulatedPublisher(caller, "old")
        await publisher.start()
        await publisher.publish([journal_batch(JOURNAL, 0, Progress(7, 1, "old"), 0, forgotten=forgotten)])
        await written(caller, "rival", Claim("rival"))
        mine = await written(caller, "me", Claim("me"))
        return await SimulatedJournal(caller).read_back({0: mine}, "me")

    tail = in_virtual_time(reads)[0]
    assert tail.claims == {"lost", "rival", "me"} - {*forgotten}
    assert tail.rivals.keys() == {"old", "rival"}


def damaged(*behind, after=1, healed_after=None):
    """What a reader is told of a journal: a progress, a record that is damaged, and these entries.

    Args:
        after: how many offsets behind the first damaged one the next intact record is.
        healed_after: seconds after which the records are intact.
    """

    async def reads(caller):
        log = caller.world.broker.log(JOURNAL, 0)
        await written(caller, "old", Progress(7, 1, "old"))
        log.damaged.update(range(log.end, log.end + after))
        for _ in range(after):
            log.append(Record(JOURNAL, 0, log.end, 0, b"claim/me", b"{}", ()))
        if healed_after is not None:
            asyncio.get_running_loop().call_later(healed_after, log.damaged.clear)
        for number, entry in enumerate(behind):
            await written(caller, f"w{number}", entry)
        mine = await written(caller, "me", Claim("me"))
        began = asyncio.get_running_loop().time()
        tails = await SimulatedJournal(caller).read_back({0: mine}, "me")
        return tails[0], asyncio.get_running_loop().time() - began

    return in_virtual_time(reads)


def test_damage_behind_the_last_progress_is_told_after_some_time():
    """It may have been a later progress, or a claim."""
    tail, seconds = damaged()
    assert isinstance(tail.problem, JournalDamaged)
    assert tail.problem.facts == {"offset": 2}
    assert REREAD_SECONDS <= seconds < REREAD_SECONDS + 1


def test_damage_is_read_again_because_another_replica_may_be_intact():
    tail, seconds = damaged(healed_after=3.0)
    assert isinstance(tail.problem, JournalForeign)  # what it was
    assert 3.0 <= seconds < 4.0


class WithoutEnd:
    """A journal in which the length of a batch is damaged: the broker finds nothing behind it."""

    topic = JOURNAL

    def __init__(self, at):
        self._at = at

    async def bounds(self, partitions):
        return dict.fromkeys(partitions, Bounds(0, 8, 8))

    async def fetch(self, positions, *, timeout_ms):
        await asyncio.sleep(timeout_ms / 1000)
        at = positions[0]
        return {0: RecordDamaged(JOURNAL, 0, at) if at == self._at else Fetched(at, [], at, 8, 8)}


@pytest.mark.parametrize("damaged", [0, None], ids=["the checksum, too", "the broker finds nothing"])
def test_damage_behind_which_the_broker_finds_nothing(damaged):
    tail = in_virtual_time(lambda _: ReadBack(WithoutEnd(damaged), None, "me").run({0: 5}))[0]
    assert isinstance(tail.problem, JournalDamaged)


@pytest.mark.parametrize("records", [1, 5])
def test_damage_before_the_last_progress_is_passed_by_at_once(records):
    """As after the decision of an operator, who writes another progress behind it."""
    tail, seconds = damaged(Claim("w0"), Progress(9, 1, "w1"), after=records)
    assert tail.progress == Progress(9, 1, "w1")
    assert tail.rivals.keys() == {"w1"}
    assert seconds < 1


class Slow:
    """A journal whose broker answers late: there is a release of another worker, and then the claim."""

    topic = JOURNAL
    entries = (Release(7, 1, "gone"), Claim("me"))

    def __init__(self, answers_at):
        self._answers_at = answers_at

    async def bounds(self, partitions):
        return dict.fromkeys(partitions, Bounds(0, 2, 2))

    async def fetch(self, positions, *, timeout_ms):
        await asyncio.sleep(timeout_ms / 1000)
        if asyncio.get_running_loop().time() < self._answers_at:
            return {}
        batches = [DefaultRecordBatch(journal_batch(JOURNAL, 0, entry, 0).body) for entry in self.entries]
        records = [
            Record(JOURNAL, 0, number, 0, one.key, one.value, ())
            for number, (one,) in enumerate(batches)
            if number >= positions[0]
        ]
        return {0: Fetched(positions[0], records, 2, 2, 2)}


def test_nobody_is_a_rival_because_the_broker_is_slow():
    tail = in_virtual_time(lambda _: ReadBack(Slow(5.0), None, "me").run({0: 1}))[0]
    assert (tail.progress, tail.rivals, tail.is_last) == (Progress(7, 1, "gone"), {}, True)


def test_a_claim_that_is_not_there_is_not_the_last_word():
    """In a journal that was deleted and made anew, another worker may have written at its offset."""
    tail = in_virtual_time(lambda _: ReadBack(Slow(0.0), None, "me").run({0: 0}))[0]
    assert not tail.is_last

"""The real journal, of which a part cannot be read for some time."""

import asyncio
from contextlib import asynccontextmanager

from aiokafka.record.default_records import DefaultRecordBatch

from consumer.kafka.fetcher import Bounds, Fetched
from consumer.kafka.journal import ReadBack
from consumer.kafka.journal_entries import Claim, Progress, journal_batch
from consumer.kafka.journal_tail import Hidden
from tests.simulation.broker import JOURNAL
from tests.simulation.clients import SimulatedJournal
from tests.simulation.publisher import SimulatedPublisher
from tests.simulation.strangers import Stranger
from tests.simulation.world import in_virtual_time
from tests.unit.engine.logs import Record


class SilentForAWhile:
    """A rival's open transaction hides the claim in partition 0, and the leader of 1 is silent for a while.

    It has sent the claim. The position record before it was compacted away: there is a later one behind it.
    """

    topic = JOURNAL

    def __init__(self, *, committed=True):
        self._committed = committed

    @asynccontextmanager
    async def other(self, *, committed):
        yield SilentForAWhile(committed=committed)

    async def bounds(self, partitions):
        return dict.fromkeys(partitions, Bounds(0, 1, 8))

    async def fetch(self, positions, *, timeout_ms):
        await asyncio.sleep(timeout_ms / 1000)
        return {number: found for number, at in positions.items() if (found := self._found(number, at))}

    def _found(self, number, at):
        if number == 0 and self._committed:
            return Fetched(at, [], 4, 4, 8)
        if number == 0:
            return Fetched(at, [_entry(0, 4, Claim("rival"))], 8, 4, 8)
        if at <= 5:
            return Fetched(at, [_entry(1, 5, Claim("me"))], 6, 8, 8)
        if asyncio.get_running_loop().time() > 2:
            return Fetched(at, [_entry(1, 6, Progress(9, 1, "old"))], 8, 8, 8)
        return None


def _entry(number, offset, entry):
    (one,) = DefaultRecordBatch(journal_batch(JOURNAL, number, entry, 0).body)
    return Record(JOURNAL, number, offset, 0, one.key, one.value, ())


def test_one_journal_that_a_rival_hides_does_not_make_another_read_to_the_end():
    def reads(_):
        journal = SilentForAWhile()
        return ReadBack(journal, journal.other, "me").run({0: 5, 1: 5})

    tails = in_virtual_time(reads)
    assert (tails[0].rivals.keys(), tails[0].is_last) == ({"rival"}, False)
    assert (tails[1].progress, tails[1].is_last) == (Progress(9, 1, "old"), False)
    assert tails[1].rivals.keys() == {"old"}


async def claim_of(caller, name, *, committed):
    """Claims partition 0; the offset."""
    publisher, transactions = SimulatedPublisher(caller, name), caller.world.broker.transactions
    await publisher.start()
    batches = [journal_batch(JOURNAL, 0, Claim(name), 0)]
    if committed:
        return (await publisher.publish(batches))[0]
    transactions.begin(name, publisher._epoch)
    return transactions.produce(name, publisher._epoch, batches)[0]


def test_what_only_a_worker_that_is_gone_hides_by_now_is_in_reach():
    """It died within the transaction of its claim, which a takeover ends."""

    async def reads(caller):
        journal, stranger = SimulatedJournal(caller), Stranger(caller.world.broker, 0)
        await claim_of(caller, "gone", committed=False)
        mine = await claim_of(caller, "me", committed=True)
        (end,) = (await journal.read_back({0: mine}, "me")).values()
        before = await journal.out_of_reach([0])
        stranger.end()
        return end, before, await journal.out_of_reach([0])

    end, before, after = in_virtual_time(reads)
    assert isinstance(end, Hidden)
    assert before == {0: end.error}
    assert after == {}

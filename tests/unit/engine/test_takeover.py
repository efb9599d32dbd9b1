"""What a worker does before its first batch: each way in which position, journal and log fit together."""

import asyncio

import pytest

from consumer.engine.publishing import Publishing
from consumer.engine.takeover import Resumed
from consumer.errors import (
    BrokerUnavailable,
    Fenced,
    ForeignTransaction,
    JournalForeign,
    OutboxHole,
    StoreUnavailable,
)
from consumer.kafka.journal import SEARCH_AFTER_SECONDS
from consumer.kafka.recordbatches import unpack
from consumer.storage.protocols import Position
from tests.simulation.broker import JOURNAL
from tests.simulation.calls import Caller
from tests.simulation.publisher import SimulatedPublisher
from tests.simulation.strangers import Stranger
from tests.unit.engine.logs import unreadable
from tests.unit.engine.scene import END, LOG, ORIGIN, PLACE, fresh, outputs_from, scene, worked_on

__all__ = ["fresh", "scene"]

# ---- the three cases, and the first start


async def test_c_equals_p_goes_on(scene):
    assert await scene.take_over() == (scene.position, END)
    assert scene.news() == {}


@pytest.mark.parametrize("published", [4, 2], ids=["one batch", "two batches"])
async def test_c_before_p_publishes_what_is_missing_in_order(scene, published):
    await scene.forget_published(published)
    assert await scene.take_over() == (scene.position, END)
    assert scene.news() == outputs_from(published)
    assert scene.told == END


async def test_c_beyond_p_goes_back_and_publishes_nothing(scene):
    scene.set_position(next=2, last=None)
    assert await scene.take_over() == (scene.position, END)
    assert scene.position.next == 2
    assert scene.news() == {}


async def test_a_first_start_begins_at_the_start_of_the_log_and_says_so_at_once(fresh):
    assert await fresh.take_over() == (Position(PLACE, ORIGIN, next=0), 0)
    assert fresh.told == 0
    assert fresh.store.owners[PLACE].startswith("heir")


async def test_a_first_start_cut_off_before_it_said_so_is_a_first_start_again(fresh):
    fresh.store.positions_by_name[PLACE] = Position(PLACE, ORIGIN, next=0)
    assert await fresh.take_over() == (Position(PLACE, ORIGIN, next=0), 0)
    assert fresh.told == 0


@pytest.mark.parametrize("rivals", [[], ["rival"]], ids=["nobody to fence", "somebody to fence"])
async def test_a_busy_broker_that_is_late_with_our_own_markers_is_waited_for(scene, monkeypatch, rivals):
    """Each takeover that gave up would claim anew, and wait for the next marker: for ever."""
    for name in rivals:
        await scene.claim(name)
    monkeypatch.setattr(scene.world.broker.transactions, "_latency", lambda: 2 * SEARCH_AFTER_SECONDS)
    monkeypatch.setattr(scene.world.chaos.random, "randint", lambda least, _: least)
    async with asyncio.timeout(20):
        assert await scene.take_over() == (scene.position, END)
    assert scene.heir.passed.count("end") == 2 + len(rivals)  # its claims, and its progress


async def test_a_partition_behind_a_stranger_s_open_transaction_is_left_out(scene):
    stranger = Stranger(scene.world.broker, 0)
    taken = await scene.take_over_all([0, 1])
    assert isinstance(taken[0], ForeignTransaction)
    assert "contracts.positions --partition 0" in taken[0].hint
    assert isinstance(taken[1], Resumed)
    stranger.end()
    assert await scene.take_over() == (scene.position, END)


async def test_what_a_stranger_has_committed_in_the_journal_stops_the_partition(scene):
    stranger = Stranger(scene.world.broker, 0)
    assert isinstance(await scene.take_over(), ForeignTransaction)
    stranger.end(commit=True)
    await scene.stops(JournalForeign)


async def test_a_stranger_s_transaction_may_have_begun_long_before_the_tail(scene):
    stranger = Stranger(scene.world.broker, 0)
    for _ in range(20):
        await scene.tell(END)
    taken = await scene.take_over_all([0, 1])
    assert isinstance(taken[0], ForeignTransaction)
    assert f"at offset {stranger.offset} " in str(taken[0])
    assert isinstance(taken[1], Resumed)
    stranger.end()
    assert await scene.take_over() == (scene.position, END)


async def test_a_takeover_that_fails_later_knows_what_was_hidden(scene):
    """Another claim would lie behind the same transaction."""
    Stranger(scene.world.broker, 0)
    await scene.claim_of(1, "rival")
    takeover = scene.takeover([0, 1])
    await takeover._log.start()
    scene.heir.fail("init of rival", BrokerUnavailable("away"))
    with pytest.raises(BrokerUnavailable):
        await takeover.run([0, 1])
    written = scene.world.broker.log(JOURNAL, 0).end
    assert isinstance((await takeover.run([0, 1]))[0], ForeignTransaction)
    assert scene.world.broker.log(JOURNAL, 0).end == written


async def test_who_may_still_publish_is_fenced_where_the_partition_stops_too(scene):
    """What he has stored and not published could come after the operator's decision."""
    await scene.claim("rival")
    Stranger(scene.world.broker, 0).end(commit=True)
    await scene.stops(JournalForeign)
    assert "init of rival" in scene.heir.passed


async def test_a_stranger_behind_the_open_transaction_of_a_rival_waits_for_its_turn(scene):
    """The rival is fenced first; what hides the claim then is the stranger's."""
    await scene.open_claim("rival")
    stranger = Stranger(scene.world.broker, 0)
    assert isinstance(await scene.take_over(), ForeignTransaction)
    assert "init of rival" in scene.heir.passed
    stranger.end()
    assert await scene.take_over() == (scene.position, END)


async def test_a_takeover_leaves_no_claim_behind(scene):
    """Neither its own nor that of a worker that it has fenced: compaction may take all of them."""
    await scene.claim("rival")
    assert await scene.take_over() == (scene.position, END)
    assert "init of rival" in scene.heir.passed
    assert scene.claims() == set()


async def test_a_takeover_that_stops_forgets_nobody(scene):
    """Whoever decides and takes it over then has to fence them."""
    await scene.forget_published(3)
    await scene.claim("rival")
    await scene.stops(OutboxHole)
    assert scene.claims() == {"rival", "heir"}


# ---- the order of things


@pytest.mark.parametrize("commits", [True, False])
async def test_what_is_published_is_read_only_once_no_earlier_worker_can_change_it(scene, commits):
    """Its transaction is committed or ended by the fencing, and only then the journal is believed."""
    await scene.forget_published(4)
    old = SimulatedPublisher(Caller(scene.world, "old"), "old")
    await old.start()
    broker, epoch = scene.world.broker, old._epoch
    broker.transactions.begin("old", epoch)
    broker.transactions.produce("old", epoch, _outbox(scene))
    if commits:
        scene.heir.at("init of old", lambda: broker.transactions.end("old", epoch))
    assert (await scene.take_over()).publish_from == END
    assert scene.news() == outputs_from(4)


def _outbox(scene):
    """The last stored batch with its progress, as its owner would publish it."""
    (slot,) = [slot for slot in scene.store.slots.values() if slot.next == END]
    progress = Publishing(None, journal="contracts.positions", worker="old", metrics=None, traces=None)
    return [*unpack(slot.frames), *progress.progress([scene.position])]


async def test_nothing_is_published_before_the_position_is_claimed(scene):
    await scene.forget_published(4)

    scene.heir.fail("claim", Fenced("not yet"))
    with pytest.raises(Fenced):
        await scene.take_over()
    assert scene.news() == {}


async def test_while_the_store_is_away_no_producer_is_started(scene):
    """Its epochs would be worn out."""

    scene.heir.fail("positions", StoreUnavailable("away"))
    with pytest.raises(StoreUnavailable):
        await scene.take_over()
    assert not [point for point in scene.heir.passed if point.startswith("init")]


async def test_an_unreadable_last_record_is_known_again():
    scene = await worked_on([*LOG, unreadable(6)])
    assert (await scene.take_over()).position.next == 7

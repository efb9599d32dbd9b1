"""What a worker does not decide by itself: the partition stands still, and nothing is changed."""

from dataclasses import replace

import pytest

from consumer.engine import checks
from consumer.engine.apply import last_record
from consumer.engine.takeover import Resumed
from consumer.errors import (
    BrokerUnavailable,
    Fenced,
    JournalDamaged,
    LogDamaged,
    OutboxHole,
    PartitionCountChanged,
    PositionBeyondLog,
    PositionMissing,
    RecordDamaged,
    TopicRecreated,
    UpgradeNeeded,
)
from consumer.kafka.fetcher import Bounds, Fetched
from consumer.storage.protocols import Position
from tests.simulation.broker import JOURNAL
from tests.unit.engine.logs import TOPIC, unreadable, update
from tests.unit.engine.scene import END, LOG, ORIGIN, fresh, scene
from tests.unit.operator.stops import damaged_journal, reread_soon

__all__ = ["fresh", "scene"]

# ---- the outbox


@pytest.mark.parametrize("published", [0, 3], ids=["too old", "within a batch"])
async def test_a_hole_in_the_outbox(scene, published):
    await scene.forget_published(published)
    error = await scene.stops(OutboxHole)
    assert error.facts == {"progress": published, "position": END}


async def test_slots_of_an_older_generation_do_not_count(scene):
    await scene.forget_published(4)
    await scene.tell(4, generation=2)
    scene.set_position(generation=2)
    await scene.stops(OutboxHole)


async def test_slots_beyond_the_position_do_not_count(scene):
    """Of a life that the database does not know any more: it was set back."""
    scene.set_position(next=4, last=None)
    await scene.forget_published(2)
    assert (await scene.take_over()).position.next == 4
    assert scene.told == 4


async def test_a_look_at_two_moments_is_no_hole(scene):
    """The database is set back between the claim and the look at the outbox."""
    await scene.forget_published(4)

    def set_back():
        scene.set_position(next=4, last=None)
        scene.store.slots.clear()

    scene.heir.at("outbox", set_back)
    with pytest.raises(Fenced):
        await scene.take_over()


# ---- one of the two is missing


async def test_a_position_that_goes_while_it_is_claimed_is_not_made_anew(scene):
    scene.heir.at("claim", scene.store.positions_by_name.clear)
    assert isinstance(await scene.take_over(), PositionMissing)
    assert scene.store.positions_by_name == {}


# ---- another log


async def test_a_new_partition_of_an_old_topic(fresh):
    name = f"{TOPIC}/7"
    fresh.store.positions_by_name[name] = Position(name, replace(ORIGIN, partitions=1), next=0)
    await fresh.stops(PartitionCountChanged)


def bounded(scene, monkeypatch, start, end):
    """As if the log had these bounds."""
    found = scene.world.broker.bounds

    def bounds(topic, partition):
        return Bounds(start, end, end) if topic == TOPIC else found(topic, partition)

    monkeypatch.setattr(scene.world.broker, "bounds", bounds)


async def test_a_log_that_was_cut_off_below_the_last_record_is_taken_as_it_is(scene, monkeypatch):
    bounded(scene, monkeypatch, END, END)
    assert (await scene.take_over()).position.next == END


@pytest.mark.parametrize(
    "other",
    [
        update(5, notes="another value"),
        update(5)._replace(timestamp=LOG[5].timestamp + 1),
        update(5)._replace(key=b"another"),
        unreadable(5),
    ],
    ids=["value", "timestamp", "key", "unreadable"],
)
async def test_a_topic_that_was_created_anew(scene, other):
    scene.log.entries[5] = (other, None)
    await scene.stops(TopicRecreated)


def later(*offsets):
    """Records of another log: the broker stamps them, so they are later than all of the old one."""
    return [(update(offset)._replace(timestamp=LOG[5].timestamp + 1 + offset), None) for offset in offsets]


@pytest.mark.parametrize("fewer", [[], later(0), later(0, 1, 2)], ids=["none", "one", "some"])
async def test_a_topic_that_was_created_anew_and_has_fewer_records(scene, fewer):
    """Its commands are all new: to go on at its end would pass by them."""
    scene.log.entries[:] = fewer
    error = await scene.stops(TopicRecreated)
    assert "--new-generation" in error.hint


async def test_a_topic_that_was_created_anew_and_is_behind_what_is_published_only(scene):
    """The database went back, too: so the position lies in the log, and progress does not."""
    scene.set_position(next=4, last=last_record(LOG[3]))
    scene.log.entries[:] = later(*range(5))
    await scene.stops(TopicRecreated)


async def test_a_topic_that_was_created_anew_together_with_the_journal(scene):
    scene.world.broker.log(JOURNAL, 0).entries.clear()
    scene.log.entries[:] = later(*range(9))
    await scene.stops(TopicRecreated)


async def test_a_first_record_that_is_damaged_holds_up_its_own_partition_only(scene, monkeypatch):
    """It cannot be seen whether the log is another one, or has only lost its last records."""
    reread_soon(monkeypatch)
    del scene.log.entries[3:]
    scene.log.damaged.add(0)
    taken = await scene.take_over_all([0, 1])
    assert isinstance(taken[0], LogDamaged)
    assert taken[0].facts == {"offset": 0}
    assert isinstance(taken[1], Resumed)


async def test_a_damaged_journal_holds_up_its_own_partition_only(scene, monkeypatch):
    damaged_journal(scene, monkeypatch)
    taken = await scene.take_over_all([0, 1])
    assert isinstance(taken[0], JournalDamaged)
    assert isinstance(taken[1], Resumed)


async def test_a_lost_tail_and_a_lost_journal(scene):
    """The records are the old ones: what the database has of them stays."""
    scene.world.broker.log(JOURNAL, 0).entries.clear()
    del scene.log.entries[3:]
    await scene.stops(PositionBeyondLog)


async def test_what_version_0_1_stored_is_no_matter_of_another_group(scene):
    """First its own offsets are to be read."""
    scene.set_position(has_journal=False)
    scene.origin = replace(ORIGIN, group="another")
    await scene.stops(UpgradeNeeded)


async def test_a_topic_with_a_hole_where_the_last_record_was(scene):
    scene.log.entries[5] = None
    await scene.stops(TopicRecreated)


async def test_a_last_record_that_cannot_be_read_in_time_is_waited_for(scene, monkeypatch):
    monkeypatch.setattr(checks, "REREAD_SECONDS", 0.05)

    def nothing(first, *_, **__):
        return [], first

    monkeypatch.setattr(scene.log, "read", nothing)
    with pytest.raises(BrokerUnavailable):
        await scene.take_over()


async def test_an_answer_to_an_earlier_question_is_not_taken_for_the_last_record(scene):
    """Of a leader that was asked by an earlier life: the real answer comes later."""
    takeover_log = scene.world.broker.log(TOPIC, 0)
    stale = [Fetched(0, takeover_log.visible()[:1], 1, END, END)]

    class Log:
        async def fetch(self, positions, *, timeout_ms):
            if stale:
                return {0: stale.pop()}
            return {0: Fetched(positions[0], takeover_log.visible(positions[0]), END, END, END)}

    bounds = {0: Bounds(0, END, END)}
    assert await checks._recreated(Log(), TOPIC, {0: scene.position}, bounds) == {}


@pytest.mark.parametrize("mended", [True, False])
async def test_a_last_record_that_is_damaged_is_tried_again_before_it_stops_the_partition(
    scene, monkeypatch, mended
):
    monkeypatch.setattr(checks, "REREAD_SECONDS", 0.05)
    monkeypatch.setattr(checks, "DAMAGE_PAUSE_SECONDS", 0.01)
    log = scene.world.broker.log(TOPIC, 0)
    tries = []

    class Log:
        async def fetch(self, positions, *, timeout_ms):
            tries.append(positions[0])
            if mended and len(tries) > 2:
                return {0: Fetched(positions[0], log.visible(positions[0]), END, END, END)}
            return {0: RecordDamaged(TOPIC, 0, positions[0], END)}

    found = await checks._recreated(Log(), TOPIC, {0: scene.position}, {0: Bounds(0, END, END)})
    assert len(tries) > 2
    if mended:
        assert found == {}
    else:
        assert isinstance(found[0], LogDamaged)
        assert found[0].facts == {"offset": END - 1}

"""What an owner does not decide by itself: the partition stands still, and nothing is changed."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from consumer.errors import (
    BrokerUnavailable,
    ClusterChanged,
    Fenced,
    GroupChanged,
    OffsetBeyondLog,
    OffsetMissing,
    OutboxHole,
    PartitionCountChanged,
    PartitionerChanged,
    PositionBeforeLog,
    PositionBeyondLog,
    PositionMissing,
    TopicRecreated,
)
from consumer.pipeline.reader import Fetched
from consumer.positions import Decision, PositionAdmin
from consumer.storage.protocols import Position
from tests.pipeline.logs import unreadable, update
from tests.pipeline.resuming import END, LOG
from tests.pipeline.world import ORIGIN


async def test_a_hole_in_the_outbox(scene):
    scene.forget_published(0)
    error = await scene.stops(OutboxHole)
    assert error.facts == {"offset": 0, "committed": 0, "position": 6}


async def test_an_offset_within_a_batch_is_a_hole(scene):
    scene.forget_published(3)
    await scene.stops(OutboxHole)


async def test_slots_of_an_older_generation_do_not_count(scene):
    scene.forget_published(4)
    scene.set_position(generation=2)
    await scene.stops(OutboxHole)


class Reached:
    """What an operator's command asks the broker of, after `forget_published`."""

    def __init__(self, kafka):
        self.kafka = kafka

    async def committed(self, place):
        return self.kafka.committed if place.partition == 0 else None

    async def beginning_offsets(self, places):
        return dict.fromkeys(places, 0)

    async def end_offsets(self, places):
        return {place: END if place.partition == 0 else 0 for place in places}

    async def commit(self, offsets):
        assert all(place.partition for place in offsets), "what is published has not changed"

    async def describe_consumer_groups(self, groups):
        return []


async def test_more_partitions_keep_what_is_not_published_yet(scene):
    scene.forget_published(4)
    scene.origin = replace(ORIGIN, partitions=ORIGIN.partitions + 1)
    await scene.stops(PartitionCountChanged)
    broker = Reached(scene.kafka)
    admin = PositionAdmin(SimpleNamespace(topic_prefix=""), scene.store, broker, broker, scene.origin)
    await admin.reset(Decision.ACCEPT_PARTITION_COUNT)
    assert (await scene.resume()).position.generation == 2
    assert scene.kafka.transactions[-1] == (4, END)


class Obeying(Reached):
    """It lets the group's offset be changed."""

    async def commit(self, offsets):
        [self.kafka.committed] = offsets.values()


async def test_what_an_operator_declares_published_is_not_published(scene):
    """Although not one answer of it is in the log."""
    scene.forget_published(4)
    broker = Obeying(scene.kafka)
    admin = PositionAdmin(SimpleNamespace(topic_prefix=""), scene.store, broker, broker, scene.origin)
    await admin.reset(Decision.TO_DATABASE, [0])
    assert await scene.resume() == (scene.world.position, END)
    assert scene.news() == []


async def test_slots_beyond_the_position_do_not_count(scene):
    """Of a life that the database does not know any more: it was set back."""
    scene.set_position(next=4, last=None)
    scene.forget_published(2)
    assert (await scene.resume()).position.next == 4
    assert scene.kafka.transactions[-1] == (2, 4)


async def test_a_look_at_two_moments_is_no_hole(scene):
    """The database is set back between the claim and the look at the outbox."""
    scene.forget_published(4)
    outbox = scene.store.outbox

    async def set_back(partition):
        scene.set_position(next=4, last=None)
        scene.store.slots.clear()
        return await outbox(partition)

    async def first_look(partition):
        scene.store.outbox = set_back
        return await outbox(partition)

    scene.store.outbox = first_look
    with pytest.raises(Fenced):
        await scene.resume()


async def test_no_position_but_an_offset(scene):
    scene.store.positions.clear()
    error = await scene.stops(PositionMissing)
    assert "--rebuild" in error.hint


async def test_no_offset_but_a_position(scene):
    scene.kafka.committed = None
    error = await scene.stops(OffsetMissing)
    assert "--to-database" in error.hint


async def test_a_position_that_goes_while_it_is_claimed_is_not_made_anew(scene):
    position = scene.store.position

    async def gone(partition):
        found = await position(partition)
        if "offset" in scene.worker.passed:
            scene.store.positions.clear()
        return found

    scene.store.position = gone
    with pytest.raises(PositionMissing):
        await scene.resume()
    assert scene.store.positions == {}


async def test_another_cluster(scene):
    scene.origin = replace(ORIGIN, cluster="another")
    await scene.stops(ClusterChanged)


async def test_another_group(scene):
    scene.origin = replace(ORIGIN, group="another")
    await scene.stops(GroupChanged)


async def test_another_number_of_partitions(scene):
    scene.origin = replace(ORIGIN, partitions=9)
    await scene.stops(PartitionCountChanged)


async def test_another_partitioner(scene):
    """Two owners would look for an account in different partitions, and both write it."""
    scene.origin = replace(ORIGIN, partitioner="crc32")
    await scene.stops(PartitionerChanged)


async def test_a_new_partition_of_an_old_topic(fresh):
    there = replace(ORIGIN, partitions=1)
    fresh.store.positions["contracts.commands/7"] = Position("contracts.commands/7", there, next=0)
    await fresh.stops(PartitionCountChanged)


async def test_a_log_that_was_cut_off_below_the_position(scene):
    scene.kafka.start = END + 1
    scene.kafka.end = END + 9
    await scene.stops(PositionBeforeLog)


async def test_a_log_that_lost_its_tail(scene):
    scene.kafka.end = END - 1
    await scene.stops(PositionBeyondLog)


async def test_an_offset_beyond_the_log(scene):
    """What comes next would be applied without its events, up to that offset."""
    scene.kafka.committed = END + 1
    error = await scene.stops(OffsetBeyondLog)
    assert error.facts["committed"] == END + 1


async def test_a_log_that_was_cut_off_below_the_last_record_is_taken_as_it_is(scene):
    scene.kafka.start = END
    assert (await scene.resume()).position.next == END


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
    scene.kafka.log[5] = other
    await scene.stops(TopicRecreated)


async def test_a_topic_with_a_hole_where_the_last_record_was(scene):
    del scene.kafka.log[5]
    scene.kafka.end = END + 3
    await scene.stops(TopicRecreated)


async def test_a_last_record_that_cannot_be_read_in_time_is_waited_for(scene):
    async def nothing(**_):
        return Fetched((), scene.reader._next)

    scene.reader.fetch = nothing
    with pytest.raises(BrokerUnavailable):
        await scene.resume()

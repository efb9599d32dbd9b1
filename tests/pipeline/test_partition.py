"""What the loop of one partition says of itself, and which of two failures comes first."""

import asyncio
from time import monotonic
from types import SimpleNamespace

import pytest

from consumer.errors import DeadLetterLimit, PublishInDoubt, StoreUnavailable
from consumer.pipeline.decoder import Decoder
from consumer.pipeline.partition import PartitionLoop
from tests.pipeline.world import METRICS, ORIGIN, PARTITIONS


class Applier:
    def __init__(self, error):
        self.error = error

    async def apply(self):
        raise self.error


class Publisher:
    async def discard(self):
        pass


class Reader:
    topic, partition = "contracts.commands", 0

    async def close(self):
        pass

    async def look_for_end(self):
        return None

    async def committed(self):
        return None


class StoreThatIsAway:
    def __init__(self):
        self.asked = 0
        self.why_idle = []

    async def position(self, partition):
        self.asked += 1
        self.why_idle.append(self.loop.why_idle())
        if self.asked == 4:
            self.loop.stop()
        raise StoreUnavailable("the disk is full")


def make_loop(applier=None, store=None):
    return PartitionLoop(
        reader=Reader(),
        results=None,
        store=store,
        publisher=Publisher(),
        applier=applier,
        owner="me",
        origin=ORIGIN,
        make_decoder=lambda base: Decoder(PARTITIONS, base=base),
        metrics=METRICS,
        beat=lambda: None,
    )


async def test_a_failed_publication_comes_before_what_stops_the_next_batch():
    """A partition that stands still publishes nothing more; a resume does, and then stops there."""

    async def fails():
        raise PublishInDoubt("no answer")

    loop = make_loop(Applier(DeadLetterLimit("t", 0, dead=9, window=9)))
    with pytest.raises(PublishInDoubt):
        await loop._apply(asyncio.create_task(fails()))


async def test_a_batch_before_is_let_out_when_the_next_one_stops():
    published = []

    async def works():
        await asyncio.sleep(0)
        published.append(True)

    loop = make_loop(Applier(DeadLetterLimit("t", 0, dead=9, window=9)))
    with pytest.raises(DeadLetterLimit):
        await loop._apply(asyncio.create_task(works()))
    assert published


async def test_a_partition_that_fails_again_and_again_is_not_ready():
    store = StoreThatIsAway()
    store.loop = make_loop(store=store)
    await store.loop.run()
    assert [str(error) if error else None for error in store.why_idle] == [
        None,
        None,
        "the disk is full",
        "the disk is full",
    ]


class Taken:
    """Of a loop's applier, what the question for a rest looks at."""

    def __init__(self, *records):
        self.intake = SimpleNamespace(records=list(records))


async def rested(applier, *, more_waits=False, stopped=False):
    """Seconds of a rest that may take 0.2."""
    loop = make_loop(applier)
    if stopped:
        loop.stop()
    loop._more_waits = more_waits
    started = monotonic()
    loop._rest_until = started + 0.2
    await loop._rest()
    return monotonic() - started


async def test_commands_gather_while_no_more_are_known_to_wait():
    assert await rested(Taken()) >= 0.2


@pytest.mark.parametrize(
    ("applier", "known"),
    [(Taken(), {"more_waits": True}), (Taken("a record"), {}), (Taken(), {"stopped": True})],
)
async def test_a_backlog_or_a_stop_ends_the_rest(applier, known):
    assert await rested(applier, **known) < 0.2

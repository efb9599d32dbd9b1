"""A partition before a resume: worked on to its end, or never, and what a test makes of it."""

from dataclasses import replace

import pytest

from consumer.pipeline.resume import resume
from tests.pipeline.chaos import Plan
from tests.pipeline.kafka import FakePublisher, FakeReader, FakeResults
from tests.pipeline.logs import create, update
from tests.pipeline.oracle import expected
from tests.pipeline.world import ORIGIN, PLACE, World

LOG = [create(0), *(update(offset) for offset in range(1, 6))]
END = 6


class Calm:
    """A worker to whom nothing happens."""

    def __init__(self):
        self.passed = []

    def number(self, low, high):
        return low

    async def turn(self, point):
        self.passed.append(point)

    def idle(self):
        """Nothing to do."""


class Scene:
    """A partition that was worked on to its end, in batches of two, and what a test makes of it."""

    def __init__(self, world):
        self.world = world
        self.kafka = world.kafka
        self.store = world.store
        self.origin = ORIGIN
        self.worker = Calm()
        self._known = 0
        self.reader = FakeReader(self.kafka, self.worker)

    def forget_published(self, offset):
        """As if publishing had never come farther than this."""
        self.kafka.committed = offset
        self.kafka.published[:] = expected(LOG[:offset]).outputs
        self._known = len(self.kafka.published)

    def news(self):
        """What was published since."""
        return self.kafka.published[self._known :]

    def set_position(self, **changes):
        self.store.positions[PLACE] = replace(self.store.positions[PLACE], **changes)

    async def resume(self):
        publisher = FakePublisher(self.kafka, self.worker)
        return await resume(
            reader=self.reader,
            results=FakeResults(self.kafka, self.worker),
            store=self.store,
            publisher=publisher,
            owner="heir",
            origin=self.origin,
        )

    async def stops(self, kind):
        """The partition stands still, and nothing was changed."""
        positions, committed = dict(self.store.positions), self.kafka.committed
        published = list(self.kafka.published)
        with pytest.raises(kind) as raised:
            await self.resume()
        assert (self.store.positions, self.kafka.committed) == (positions, committed)
        assert self.kafka.published == published
        return raised.value


async def worked_on(log=LOG):
    """In batches of two, all of them published."""
    world = World(log, Plan(batch=2, numbers=[1]))
    await world.run()
    world.check()
    return Scene(world)

"""A partition before a takeover: worked on to its end, or never, and what a test makes of it."""

import asyncio
from dataclasses import replace
from functools import partial

import pytest

from consumer.kafka.journal_entries import Claim, Progress, entry_of, journal_batch
from consumer.storage.protocols import Origin
from consumer.telemetry.traces import NO_TRACES
from tests.simulation.broker import JOURNAL
from tests.simulation.calls import Caller
from tests.simulation.chaos import Chaos
from tests.simulation.group import CLUSTER, GROUP, METRICS, make_worker
from tests.simulation.publisher import SimulatedPublisher
from tests.simulation.world import World
from tests.unit.engine.logs import TOPIC, create, update
from tests.unit.engine.oracle import by_topic, expected, read

LOG = [create(0), *(update(offset) for offset in range(1, 6))]
END = 6
_MARKERS_SECONDS = 0.001
PLACE = f"{TOPIC}/0"
ORIGIN = Origin(CLUSTER, GROUP, 2)


class Recording(Caller):
    """A process to whom happens at its calls what a test wants."""

    def __init__(self, world, name):
        super().__init__(world, name)
        self.passed = []
        self._acts = {}

    def at(self, point, *acts):
        """One of these happens before each of the next calls of this name."""
        self._acts.setdefault(point, []).extend(acts)

    def fail(self, point, *errors):
        """The next calls of this name end so."""
        self.at(point, *(partial(_raise, error) for error in errors))

    async def call(self, point, *given, **options):
        if acts := self._acts.get(point):
            acts.pop(0)()
        self.passed.append(point)
        return await super().call(point, *given, **options)


def _raise(error):
    raise error


class Scene:
    """One partition, its log, its journal and its database."""

    def __init__(self, **sizes):
        self.world = World(Chaos.none(batch=2, **sizes))
        self.store = self.world.database
        self.log = self.world.broker.log(TOPIC, 0)
        self.heir = Recording(self.world, "heir")
        self.origin = ORIGIN
        self._known = 0

    def send(self, records):
        for record in records:
            self.world.broker.send(record)

    async def work(self, name="old", traces=NO_TRACES, metrics=METRICS):
        """A worker brings the partition to the end of its log, and lets it go."""
        worker = make_worker(Caller(self.world, name), [0], name, traces)
        worker._publishing._metrics = metrics
        await worker._reading.start()
        await worker._take_over("assigned")
        partition = worker.partitions[0]
        while partition.position.next < self.log.stable:
            await worker._reading.fetch({0: partition.intake.next}, 0)
            await worker._publishing.publish(await worker._pipeline._storing.store(0, [partition]))
        await worker._publishing.release([partition])
        self._known = len(self._published())

    @property
    def position(self):
        return self.store.positions_by_name[PLACE]

    def set_position(self, **changes):
        self.store.positions_by_name[PLACE] = replace(self.position, **changes)

    async def tell(self, offset, generation=1, by="old"):
        """As if publishing had come to this offset."""
        publisher = SimulatedPublisher(Caller(self.world, by), by)
        await publisher.start()
        await publisher.publish([journal_batch(JOURNAL, 0, Progress(offset, generation, by), 0)])

    async def claim(self, by):
        """As if this worker had begun to take the partition over."""
        await self.claim_of(0, by)

    async def claim_of(self, number, by):
        """The same with another partition."""
        publisher = SimulatedPublisher(Caller(self.world, by), by)
        await publisher.start()
        await publisher.publish([journal_batch(JOURNAL, number, Claim(by), 0)])

    async def open_claim(self, by):
        """As if this worker had stopped before the end of that transaction."""
        publisher = SimulatedPublisher(Caller(self.world, by), by)
        await publisher.start()
        transactions = self.world.broker.transactions
        transactions.begin(by, publisher._epoch)
        transactions.produce(by, publisher._epoch, [journal_batch(JOURNAL, 0, Claim(by), 0)])

    def claims(self):
        """Whose claims a compacted journal would keep."""
        kept = {one.key: one.value for one in self.world.broker.log(JOURNAL, 0).visible()}
        entries = [entry_of(key, value) for key, value in kept.items()]
        return {entry.by for entry in entries if isinstance(entry, Claim)}

    async def forget_published(self, offset):
        """As if publishing had never come farther than this."""
        for log in self.world.broker.logs.values():
            if log.topic != TOPIC:
                log.entries.clear()
        await self.tell(offset)
        self._known = 0

    def _published(self):
        logs = self.world.broker.logs.values()
        outputs = [log for log in logs if log.topic not in {TOPIC, JOURNAL} and log.partition == 0]
        return [batch for log in outputs for batch in log.visible()]

    def news(self):
        """What was published since."""
        return by_topic(read(self._published()[self._known :]))

    @property
    def told(self):
        """C, as the journal has it now."""
        entries = [entry_of(one.key, one.value) for one in self.world.broker.log(JOURNAL, 0).visible()]
        return next((entry.next for entry in reversed(entries) if isinstance(entry, Progress)), None)

    async def take_over(self):
        """What a new worker makes of the partition."""
        return (await self.take_over_all([0]))[0]

    def takeover(self, numbers):
        """Of a new worker."""
        takeover = make_worker(self.heir, numbers, "heir")._takeover
        takeover._origin = self.origin
        return takeover

    async def take_over_all(self, numbers):
        """What a new worker makes of several partitions."""
        takeover = self.takeover(numbers)
        await takeover._log.start()
        taken = await takeover.run(numbers)
        await asyncio.sleep(_MARKERS_SECONDS)
        return taken

    async def stops(self, kind):
        """The partition stands still, and nothing was changed."""
        position, slots = self.store.positions_by_name.get(PLACE), dict(self.store.slots)
        error = await self.take_over()
        assert isinstance(error, kind)
        assert (self.store.positions_by_name.get(PLACE), self.store.slots) == (position, slots)
        assert self.news() == {}
        return error


async def worked_on(log=LOG):
    """In batches of two, all of them published."""
    scene = Scene()
    scene.send(log)
    await scene.work()
    wanted = expected(log)
    assert by_topic(read(scene._published())) == by_topic(wanted.outputs)
    return scene


def outputs_from(offset, log=LOG):
    return by_topic(expected(log).outputs[len(expected(log[:offset]).outputs) :])


@pytest.fixture
async def scene():
    """A partition that was worked on to its end."""
    return await worked_on()


@pytest.fixture
async def fresh():
    """Nobody has ever worked on this partition."""
    scene = Scene()
    scene.send(LOG)
    return scene

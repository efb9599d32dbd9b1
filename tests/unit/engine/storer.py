"""A worker with one partition, in which records wait to be stored."""

from consumer.engine.cache import CacheBudget, ContractCache
from consumer.engine.encoder import Encoder
from consumer.engine.limits import Limits
from consumer.engine.partition import Partition
from consumer.engine.storing import Storing
from consumer.engine.takeover import Resumed
from consumer.kafka.fetcher import Fetched
from consumer.storage.protocols import Position
from consumer.telemetry.traces import NO_TRACES
from tests.simulation.chaos import Chaos
from tests.simulation.group import METRICS
from tests.simulation.store import SimulatedStore
from tests.simulation.world import World
from tests.unit.engine.logs import update
from tests.unit.engine.oracle import POLICY, by_topic, expected, read
from tests.unit.engine.scene import ORIGIN, PLACE, Recording

FIRST = Position(PLACE, ORIGIN, next=0)


class Scene:
    """A worker with one partition, in which records wait."""

    def __init__(self, log, *, publish_from=0, bearable=10_000, number=0, world=None, **limits):
        self.log = log
        self.world = world or World(Chaos.none(bearable=bearable))
        self.caller = Recording(self.world, "me")
        self.store = SimulatedStore(self.caller)
        self.database = self.world.database
        limits = Limits(**limits)
        self.storing = Storing(
            self.store,
            policy=POLICY,
            limits=limits,
            metrics=METRICS,
            traces=NO_TRACES,
            before_commit=lambda _: None,
        )
        self.storing.owner = "me"
        self.partition = Partition(
            number,
            encoder=Encoder(number),
            cache=ContractCache(CacheBudget(1 << 20)),
            make_decoder=lambda _: self.world.decoder,
            limits=limits,
            metrics=METRICS,
        )
        self.batches = []
        self.tried = []
        self._share = self.partition.share
        self.partition.share = self.share
        self.publish_from = publish_from

    async def share(self, most):
        share = await self._share(most)
        self.tried.append(len(share.records))
        return share

    async def begin(self):
        await self.store.claim([PLACE], "me")
        await self.store.begin(FIRST, "me")
        await self.go_on(FIRST, self.publish_from)
        return self

    async def go_on(self, position, publish_from=0):
        await self.store.claim([PLACE], "me")
        self.partition.go_on_from(Resumed(position, publish_from))
        left = [one for one in self.log if one.offset >= position.next]
        end = self.log[-1].offset + 1
        self.partition.take_in(Fetched(position.next, left, end, end, end), now=0.0)

    async def store_once(self):
        """One batch, or a smaller one prepared."""
        stored = await self.storing.store(0, [self.partition])
        for one in stored:
            one.partition.publication.unpublished_batches = 0
            one.partition.batch_size.published(one.position.next)
        self.batches += stored
        return stored

    async def store_all(self):
        if not self.partition.taken_over:
            await self.begin()
        while self.partition.intake.waiting and self.partition.error is None:
            await self.store_once()
        return self

    @property
    def sizes(self):
        return [len(batch.timestamps) for batch in self.batches]

    @property
    def position(self):
        return self.database.positions_by_name[PLACE]

    def outputs(self):
        return read([out for batch in self.batches for out in batch.outputs or ()])

    def check(self):
        wanted = expected(self.log)
        assert by_topic(self.outputs()) == by_topic(wanted.outputs)
        assert self.database.contracts == wanted.contracts
        assert self.database.history == wanted.history
        return wanted


def updates(count, first=1):
    return [update(offset) for offset in range(first, first + count)]

"""Leaders that answer as a test says, in the place of aiokafka's client."""

import asyncio
from types import SimpleNamespace

from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

TOPIC = "commands"


def batch(first, *values):
    """Records from this offset on, as a leader sends them."""
    builder = DefaultRecordBatchBuilder(
        2, 0, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1, batch_size=1 << 20
    )
    for number, value in enumerate(values):
        builder.append(number, 0, b"k", value, [])
    raw = bytearray(builder.build())
    raw[:8] = first.to_bytes(8, "big")  # before what the checksum covers
    return bytes(raw)


class Cluster:
    """What the client knows of the brokers."""

    unauthorized_topics = frozenset()

    def __init__(self, world):
        self._world = world
        self.leaders = dict(world.leaders)

    def brokers(self):
        return [SimpleNamespace(nodeId=node) for node in self._world.nodes]

    def update_metadata(self, leaders):
        self.leaders = dict(leaders)

    def partitions_for_topic(self, topic):
        return set(self.leaders) or None

    def leader_for_partition(self, place):
        return self.leaders.get(place.partition)


class World:
    """Nodes, who leads which partition, and what each node answers to a fetch.

    `answers[node]` is given the positions and tells (error code, bytes) of each partition.
    """

    def __init__(self, leaders):
        self.leaders = dict(leaders)
        self.nodes = set(leaders.values())
        self.answers = {}
        self.asked = []
        self.looked = 0
        self.clients = 0
        self.fails = None

    def client(self):
        self.clients += 1
        return Client(self)


class Client:
    _bootstrap_servers = "nowhere:9092"

    def __init__(self, world):
        self._world = world
        self.cluster = Cluster(world)

    async def bootstrap(self): ...

    async def close(self): ...

    async def send(self, node, request):
        await asyncio.sleep(0)
        if self._world.fails is not None:
            raise self._world.fails
        if isinstance(request, MetadataRequest):
            self._world.looked += 1
            return self._world.leaders
        ((_, wanted),) = request._topics
        if isinstance(request, OffsetRequest):
            offset = 0 if wanted[0][1] == -2 else 9
            return SimpleNamespace(topics=[(TOPIC, [(number, 0, -1, offset) for number, _ in wanted])])
        assert isinstance(request, FetchRequest)
        self._world.asked.append((node, [number for number, *_ in wanted]))
        told = self._world.answers[node]({number: offset for number, offset, _ in wanted})
        if asyncio.iscoroutine(told):
            told = await told
        answers = [(number, code, 9, 9, 0, [], -1, block) for number, (code, block) in told.items()]
        return SimpleNamespace(API_VERSION=11, topics=[(TOPIC, answers)])

"""Three Apache Kafka brokers that replicate each other: any one of them may be killed, frozen or cut off."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self, TypeVar

from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import KafkaError
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from devstack.errors import ServerNotReady
from devstack.kafka import DEFAULT_VERSION, ApacheKafka, new_cluster_id
from devstack.startable import Startable

NODES = 3
POLL_SECONDS = 0.1
LOOK_SECONDS = 30.0
IN_SYNC_SECONDS = 90.0

REPLICATED: Mapping[str, object] = {
    "default.replication.factor": NODES,
    "min.insync.replicas": 2,
    "offsets.topic.replication.factor": NODES,
    "transaction.state.log.replication.factor": NODES,
    "transaction.state.log.min.isr": 2,
    "unclean.leader.election.enable": "false",
    # A frozen follower is left behind within a test's patience, and not for a busy machine's sake.
    "replica.lag.time.max.ms": 4000,
    "broker.session.timeout.ms": 3000,
    # Or whoever was restarted would lead nothing for five minutes.
    "leader.imbalance.check.interval.seconds": 5,
}

_Found = TypeVar("_Found")


class ClusterNode(ApacheKafka):
    """One node of a cluster, broker and controller in one small JVM."""

    ready_seconds = 180.0  # three start at once, perhaps beside other work
    stop_seconds = 20.0

    def __init__(self, folder: Path, number: int, cluster: "KafkaCluster") -> None:
        super().__init__(
            folder, version=cluster.version, heap="256m", properties={**REPLICATED, **cluster.properties}
        )
        self.number = number
        self._cluster = cluster

    def _voters(self) -> str:
        return ",".join(f"{n.number}@{n.address('CONTROLLER')}" for n in self._cluster.nodes)

    def _cluster_id(self) -> str:
        return self._cluster.id

    def believed_controller(self) -> int:
        """The node that this one takes for the active controller; less than 1: none."""
        path = self.data / "__cluster_metadata-0" / "quorum-state"
        return int(json.loads(path.read_text())["leaderId"])


class Roles:
    """Who is what in a cluster just now; each method asks the brokers, for a while if they do not know.

    Raises:
        ServerNotReady: nobody has the role in time.
    """

    def __init__(self, nodes: Sequence[ClusterNode]) -> None:
        self._nodes = nodes

    def wait_in_sync(self) -> None:
        """Until every replica is in sync, so that any node may go.

        Raises:
            ServerNotReady: not so in time.
        """
        _until(lambda: self._lagging() == [] or None, IN_SYNC_SECONDS, self._lagging)

    def leader(self, topic: str, partition: int) -> ClusterNode:
        """The node that leads a partition now."""

        def look() -> ClusterNode | None:
            found = self._topics(topic)[topic].partitions
            return self._node(found[partition].leader) if partition in found else None

        return _until(look, LOOK_SECONDS, lambda: f"no leader of {topic}/{partition}")

    def group_coordinator(self, group: str) -> ClusterNode:
        """The node that coordinates a consumer group now."""
        return self._coordinator(CoordinationType.GROUP, group)

    def transaction_coordinator(self, transactional_id: str) -> ClusterNode:
        """The node that coordinates a producer's transactions now."""
        return self._coordinator(CoordinationType.TRANSACTION, transactional_id)

    def controller(self) -> ClusterNode:
        """The node that is the active controller, as most nodes believe."""

        def look() -> ClusterNode | None:
            believed = [node.believed_controller() for node in self._nodes]
            return self._node(max(believed, key=believed.count))

        return _until(look, LOOK_SECONDS, lambda: "no active controller")

    def _node(self, number: int) -> ClusterNode | None:
        return self._nodes[number - 1] if number > 0 else None

    def _bootstrap(self) -> str:
        return ",".join(node.bootstrap for node in self._nodes)

    def _coordinator(self, kind: Any, key: str) -> ClusterNode:
        async def ask() -> int:
            client = AIOKafkaClient(bootstrap_servers=self._bootstrap())
            try:
                await client.bootstrap()
                return int(await client.coordinator_lookup(kind, key))
            finally:
                await client.close()

        return _until(
            lambda: self._node(asyncio.run(ask())), LOOK_SECONDS, lambda: f"no coordinator of {key}"
        )

    def _topics(self, topic: str | None = None) -> Any:
        admin = AdminClient({"bootstrap.servers": self._bootstrap(), "log_level": 0})
        return admin.list_topics(topic, timeout=5).topics

    def _lagging(self) -> list[str]:
        """Partitions of which not every replica is in sync."""
        return [
            f"{name}/{number}"
            for name, topic in self._topics().items()
            for number, partition in topic.partitions.items()
            if partition.leader < 1 or len(partition.isrs) < len(partition.replicas)
        ]


class KafkaCluster(Startable):
    """Three nodes: replication factor 3, at least two copies of what is acknowledged, no unclean elections.

    All methods block. `properties` are added to each broker's settings and win over them.
    """

    kind = "apache-cluster"

    def __init__(
        self, folder: Path, *, version: str = DEFAULT_VERSION, properties: Mapping[str, object] | None = None
    ) -> None:
        self.folder = folder
        self.version = version
        self.properties = dict(properties or {})
        self.id = new_cluster_id()
        self.nodes = [ClusterNode(folder / f"node-{n}", n, self) for n in range(1, NODES + 1)]
        self.roles = Roles(self.nodes)

    @property
    def bootstrap(self) -> str:
        """Addresses of all nodes for `bootstrap_servers`."""
        return ",".join(node.bootstrap for node in self.nodes)

    def use_port(self, number: int) -> None:
        """Serve this port and those after it instead of free ones; before the first start."""
        for node in self.nodes:
            node.use_port(number + node.number - 1)

    def start(self) -> Self:
        """Starts all nodes at once: one alone has no quorum. When one fails, none stays."""
        for node in self.nodes:  # not in the threads: each node lists the ports of all
            node.address("CONTROLLER")
        try:
            self._each(ClusterNode.start)
            self.roles.wait_in_sync()
        except BaseException:
            self.close()
            raise
        return self

    def heal(self) -> None:
        """Brings back whatever was killed or paused; returns when every replica is in sync."""
        self._each(ClusterNode.heal)
        self.roles.wait_in_sync()

    def check_running(self) -> None:
        """Raises ServerNotReady when a node has ended by itself."""
        for node in self.nodes:
            node.check_running()

    def close(self) -> None:
        """Ends all. They are killed: the last ones have no quorum that could let them go in order."""
        for node in self.nodes:
            if node.running:
                node.kill()
            node.close()

    def roll(self) -> None:
        """Restarts one node after the other, each when the one before is in sync again."""
        for node in self.nodes:
            node.restart()
            self.roles.wait_in_sync()

    def _each(self, act: Callable[[ClusterNode], object]) -> None:
        with ThreadPoolExecutor(max_workers=NODES) as pool:
            list(pool.map(act, self.nodes))


def _until(look: Callable[[], _Found | None], seconds: float, what: Callable[[], object]) -> _Found:
    deadline = time.monotonic() + seconds
    while True:
        why: object
        try:
            if (found := look()) is not None:
                return found
            why = what()
        except (KafkaError, KafkaException, OSError, ValueError) as error:
            why = error
        if time.monotonic() > deadline:
            raise ServerNotReady(f"the cluster was not ready after {seconds:g} s: {why}")
        time.sleep(POLL_SECONDS)

"""The brokers of the rounds, one or three, each behind proxies of its own for everybody who talks to it."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from devstack.cluster import KafkaCluster
from devstack.kafka import ApacheKafka
from devstack.proof.watched import JOURNAL
from devstack.proxy import Proxy
from tests.system.chaos.lines import Acts, Lines
from tests.system.chaos.schedule import PRODUCERS, ROLL, SLOTS
from tests.system.faults.scene import Scene

PLACES = (*SLOTS, PRODUCERS)
PROPERTIES = {"transaction.abort.timed.out.transaction.cleanup.interval.ms": 500}

GAVE_UP = "while sending txn marker for"
"""What Kafka 4.1 logs when its group coordinator fails it: that transaction stays open until a restart."""


class Brokers:
    """Apache Kafka for the rounds."""

    def __init__(self, folder: Path, stack: ExitStack, count: int) -> None:
        self.cluster = KafkaCluster(folder, properties=PROPERTIES) if count > 1 else None
        self.nodes = [*self.cluster.nodes] if self.cluster else [ApacheKafka(folder, properties=PROPERTIES)]
        self._proxies: dict[tuple[str, int], Proxy] = {}
        for node in self.nodes:
            self._advertise(node, stack)
        self._freed = dict.fromkeys((node.number for node in self.nodes), 0)
        self._servers: Any = stack.enter_context(self.cluster or self.nodes[0])
        self.bootstrap: str = self._servers.bootstrap

    @property
    def count(self) -> int:
        """How many brokers, and copies of each topic, there are."""
        return len(self.nodes)

    @property
    def freed(self) -> int:
        """Transactions that a broker gave up, and that its restart ended."""
        return sum(self._freed.values())

    def lines(self, place: str) -> Lines:
        """From one place to all brokers."""
        return Lines(proxy for (at, _), proxy in self._proxies.items() if at == place)

    def heal(self) -> None:
        """Brings all back."""
        for proxy in self._proxies.values():
            proxy.heal()
        self._servers.heal()

    def free(self) -> None:
        """Restarts a broker that says it gave a transaction up, as operators would: nothing else ends it."""
        for node in self.nodes:
            gave_up = node.log.read_text().count(GAVE_UP)
            if gave_up > self._freed[node.number]:
                self._freed[node.number] = gave_up
                node.restart()

    def acts(self, what: str, target: str, scene: Scene) -> Acts:
        """Of the only broker; in a cluster, of the one that has the role when it is hurt."""
        if what == ROLL:
            return self._servers.roll, lambda: None
        return self._server_acts(what, lambda: self.who(target, scene))

    def who(self, target: str, scene: Scene) -> ApacheKafka:
        """The broker that has a role now."""
        if self.cluster is None:
            return self.nodes[0]
        role, _, number = target.partition("/")
        match role:
            case "leader of commands":
                return self.cluster.roles.leader(scene.checker.watched.topic, int(number))
            case "leader of the journal":
                return self.cluster.roles.leader(scene.prefix + JOURNAL, int(number))
            case "group coordinator":
                return self.cluster.roles.group_coordinator(scene.checker.watched.group)
            case "transaction coordinator":
                return self.cluster.roles.transaction_coordinator(
                    scene.checker.watched.publisher(int(number))
                )
            case _:
                return self.cluster.roles.controller()

    def _server_acts(self, what: str, find: Callable[[], ApacheKafka]) -> Acts:
        mends: list[Callable[[], Any]] = []

        def begin() -> None:
            node = find()
            hurts = {"kill": node.kill, "pause": node.pause, "stop": node.stop}
            hurt, mend = (hurts[what], node.heal) if what in hurts else self._to(node).acts(what)
            mends.append(mend)
            hurt()

        return begin, lambda: [mend() for mend in mends]

    def _to(self, node: ApacheKafka) -> Lines:
        """From everywhere to one broker."""
        return Lines(proxy for (_, number), proxy in self._proxies.items() if number == node.number)

    def _advertise(self, node: ApacheKafka, stack: ExitStack) -> None:
        """A listener for each place, to which clients are told to come through a proxy."""
        node.listeners = dict.fromkeys(PLACES, "PLAINTEXT")
        advertised = [f"INTERNAL://{node.address('INTERNAL')}", f"CLIENT://{node.bootstrap}"]
        for place in PLACES:
            proxy = stack.enter_context(Proxy(int(node.address(place).rpartition(":")[2])))
            self._proxies[place, node.number] = proxy
            advertised.append(f"{place}://127.0.0.1:{proxy.port}")
        node.properties["advertised.listeners"] = ",".join(advertised)

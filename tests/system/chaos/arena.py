"""The servers, the workers and the lines between them, and how each is hurt and mended."""

import itertools
import time
from collections import Counter
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devstack.cluster import NODES
from devstack.proof.verdict import Verdict
from devstack.proxy import Proxy
from devstack.stack import DATABASES
from schemas.topics import POSITIONS
from tests.system.chaos.brokers import PLACES, Brokers
from tests.system.chaos.lines import Acts, Lines
from tests.system.chaos.schedule import PARTITIONS, PRODUCERS, REFUSE, SLOTS, STRANGER, Fault, Round
from tests.system.chaos.slots import Slots
from tests.system.faults.limits import Limited
from tests.system.faults.scene import Scene
from tests.system.faults.strangers import intrude
from tests.system.faults.workers import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

CATCH_UP_SECONDS = 300
"""A service that has not caught up by then does not go on any more, on however slow a machine."""
REFUSED_BYTES = 1_500
"""The topic's limit then: what a few commands are published as is shorter, and what many are is not."""
SETTINGS = {
    "CONTRACTS_KAFKA_REQUEST_TIMEOUT_MS": "2500",
    "CONTRACTS_REBALANCE_TIMEOUT_MS": "2000",
    "CONTRACTS_MONGO_TIMEOUT_MS": "1500",
    "CONTRACTS_TRANSACTION_TIMEOUT_MS": "2000",
    "CONTRACTS_MAX_BATCH_COMMANDS": "50",
    "CONTRACTS_SCAN_INTERVAL_SECONDS": "1",
    "FAULTS_COMMAND": "run",
}
"""Less patience than a fault may last, so that requests time out with unknown outcomes."""

CLUSTER_SETTINGS = {
    "CONTRACTS_TOPIC_REPLICATION_FACTOR": str(NODES),
    # A transaction waits for three brokers and what they leave of the machine; with less patience a busy one
    # never comes to the end of any.
    "CONTRACTS_TRANSACTION_TIMEOUT_MS": "5000",
    "CONTRACTS_MONGO_TIMEOUT_MS": "3000",
}


class Arena:
    """Lives through all rounds; topics and database are new now and then, so that a check stays short."""

    def __init__(self, folder: Path, mongo_kind: str, brokers: int = 1) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self.hurt: Counter[str] = Counter()
        self._epochs = itertools.count(1)
        self.brokers = Brokers(folder / "kafka", self._stack, brokers)
        self._limited = self._stack.enter_context(closing(Limited(self.brokers.bootstrap)))
        self.mongo: Any = self._stack.enter_context(DATABASES[mongo_kind](folder / "mongo"))
        self._links = {f"{place}~kafka": self.brokers.lines(place) for place in PLACES}
        for slot in SLOTS:
            self._links[f"{slot}~mongo"] = Lines([self._stack.enter_context(Proxy(self.mongo.port))])
        self._slots = Slots(folder, self._links)
        self.scene: Scene

    def __str__(self) -> str:
        """What was done to the service, and what it did about it."""
        faults, resumes = (dict(sorted(counter.items())) for counter in (self.hurt, self._slots.resumes()))
        told = (
            f"faults: {faults}\nresumes: {resumes}; workers that ended by themselves: {self._slots.revived}"
        )
        return f"{told}; transactions that the broker gave up: {self.brokers.freed}"

    @property
    def workers(self) -> dict[str, Worker]:
        """Those that are there now, by their slots."""
        return self._slots.workers

    def close(self) -> None:
        """Ends everything."""
        self._slots.end()
        self._stack.close()

    def begin_epoch(self, seed: int) -> None:
        """New topics, a new database, new workers."""
        self._slots.end()
        self._heal()
        name = f"chaos{next(self._epochs)}"
        folder = self._folder / name
        folder.mkdir()
        self.scene = Scene(
            self.brokers.bootstrap,
            self.mongo.uri,
            name,
            folder,
            partitions=PARTITIONS,
            seed=seed,
            environment={**SETTINGS, **(CLUSTER_SETTINGS if self.brokers.cluster else {})},
            producers=self._links[f"{PRODUCERS}~kafka"].addresses,
        )
        self._slots.begin(self.scene)
        self.scene.publish(100)
        self.scene.wait(CATCH_UP_SECONDS)
        # A lossy database must have its first positions on disk: without them it would be another database.
        time.sleep(0.5)

    def play(self, round_: Round) -> float:
        """Hurts and mends as the round says while commands flow; how long the service took to catch up."""
        timeline: list[tuple[float, Callable[[], Any]]] = []
        for fault in round_.faults:
            hurt, mend = self._acts(fault)
            timeline += [(fault.at, hurt), (fault.at + fault.lasts, mend)]
            self.hurt[fault.kind] += 1
        with self.scene.flowing(round_.per_second):
            began = time.monotonic()
            try:
                for at, act in sorted(timeline, key=lambda each: each[0]):
                    time.sleep(max(0, began + at - time.monotonic()))
                    act()
            finally:
                self._heal()
        healed = time.monotonic()
        self.scene.checker.wait(CATCH_UP_SECONDS, self.watch)
        return time.monotonic() - healed

    def check(self) -> Verdict:
        """Everything against the pure model. The scanner goes on sending: what counts is a log at rest."""
        return self.scene.checker.check_at_rest(CATCH_UP_SECONDS, self.watch)

    def watch(self) -> None:
        """Revives what ended by itself, as a supervisor would; raises for what no fault excuses."""
        self.brokers.free()
        self._slots.watch()

    def _heal(self) -> None:
        for lines in self._links.values():
            lines.heal()
        self.brokers.heal()
        self._limited.heal()
        self.mongo.heal()
        self._slots.heal()
        self.watch()

    def _acts(self, fault: Fault) -> Acts:
        kind, _, slot = fault.target.partition(" ")
        if kind == "worker":
            return self._slots.acts(fault.what, slot)
        if "~" in fault.target:
            return self._links[fault.target].acts(fault.what)
        if fault.what == STRANGER:
            topic, number = self.scene.prefix + POSITIONS, int(fault.target.rpartition("/")[2])
            return partial(intrude, self.brokers.bootstrap, topic, number, fault.lasts), lambda: None
        if fault.what == REFUSE:
            topic = self.scene.prefix + fault.target.rpartition("/")[2]
            return partial(self._limited.lower, topic, REFUSED_BYTES), lambda: None
        if fault.target == "mongo":
            return self._mongo_acts(fault.what)
        return self.brokers.acts(fault.what, fault.target, self.scene)

    def _mongo_acts(self, what: str) -> Acts:
        def start(*, lossy: bool) -> None:
            self.mongo.lossy = lossy
            self.mongo.start()

        if what == "pause":
            return self.mongo.pause, self.mongo.heal
        return self.mongo.kill, lambda: start(lossy="lossy" in what)

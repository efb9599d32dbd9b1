"""The servers, the workers and the lines between them, and how each is hurt and mended."""

import itertools
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from devstack.cluster import NODES
from devstack.proof.verdict import Verdict
from devstack.proxy import Proxy
from devstack.stack import DATABASES
from tests.system.chaos.brokers import PLACES, Brokers
from tests.system.chaos.lines import Acts, Lines
from tests.system.chaos.schedule import JUMPS, PARTITIONS, PRODUCERS, SLOTS, Fault, Round
from tests.system.faults.clock import Clock
from tests.system.faults.scene import Scene
from tests.system.faults.workers import Worker

CATCH_UP_SECONDS = 90
DEFECT = 1
"""Exit code of a worker that ended for no reason it knows."""

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
    # The end of a transaction waits for three brokers here; with less a busy machine never comes to one.
    "CONTRACTS_TRANSACTION_TIMEOUT_MS": "5000",
}


class Broken(AssertionError):
    """The service did something that it must not do, other than what the checker counts."""


class Arena:
    """Lives through all rounds; topics and database are new now and then, so that a check stays short."""

    def __init__(self, folder: Path, mongo_kind: str, brokers: int = 1) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self.hurt: Counter[str] = Counter()
        self._resumed: Counter[str] = Counter()
        self.revived = 0
        self._epochs = itertools.count(1)
        self.brokers = Brokers(folder / "kafka", self._stack, brokers)
        self.mongo: Any = self._stack.enter_context(DATABASES[mongo_kind](folder / "mongo"))
        self._clocks = {slot: Clock(folder / f"clock-{slot}") for slot in SLOTS}
        self._links = {f"{place}~kafka": self.brokers.lines(place) for place in PLACES}
        for slot in SLOTS:
            self._links[f"{slot}~mongo"] = Lines([self._stack.enter_context(Proxy(self.mongo.port))])
        self.scene: Scene
        self.workers: dict[str, Worker] = {}
        self._started: list[Worker] = []

    def __str__(self) -> str:
        """What was done to the service, and what it did about it."""
        faults, resumes = (dict(sorted(counter.items())) for counter in (self.hurt, self.resumes()))
        told = f"faults: {faults}\nresumes: {resumes}; workers that ended by themselves: {self.revived}"
        return f"{told}; transactions that the broker gave up: {self.brokers.freed}"

    def resumes(self) -> Counter[str]:
        """Why partitions were resumed, and how often: what the faults came to."""
        lines = [line for worker in self._started for line in worker.lines("took over")]
        return (
            self._resumed
            + Counter(line["reason"] for line in lines)
            + Counter("the database went back" for line in lines if line["replaying"])
        )

    def close(self) -> None:
        """Ends everything."""
        self._end_workers()
        self._stack.close()

    def _end_workers(self) -> None:
        for worker in self._started:
            worker.close()
        self._resumed = self.resumes()
        self._started, self.workers = [], {}

    def begin_epoch(self, seed: int) -> None:
        """New topics, a new database, new workers."""
        self._end_workers()
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
        self.workers = {slot: self._start(slot) for slot in "AB"}
        self.scene.publish(100)
        self.scene.wait(CATCH_UP_SECONDS)
        # A lossy database must have its first positions on disk: without them it would be another database.
        time.sleep(0.5)

    def _start(self, slot: str) -> Worker:
        worker = self.scene.start(
            CONTRACTS_KAFKA_BOOTSTRAP_SERVERS=self._links[f"{slot}~kafka"].addresses,
            CONTRACTS_MONGO_URI=f"mongodb://{self._links[f'{slot}~mongo'].addresses}/?directConnection=true",
            FAULTS_CLOCK=str(self._clocks[slot].path),
        )
        self._started.append(worker)
        return worker

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
        for slot, worker in list(self.workers.items()):
            if any(worker.lines("partition stopped")):
                raise Broken(f"{slot} stopped a partition: {worker.tail()}")
            if not worker.running:
                if worker.exit_code == DEFECT:
                    raise Broken(f"{slot} ended by a defect: {worker.tail()}")
                self.revived += 1
                self.workers[slot] = self._start(slot)

    def _heal(self) -> None:
        for lines in self._links.values():
            lines.heal()
        for clock in self._clocks.values():
            clock.set_ahead(0)
        self.brokers.heal()
        self.mongo.heal()
        if joined := self.workers.pop("C", None):
            joined.ask_to_stop()
        for worker in self.workers.values():
            if worker.running and worker.paused:
                worker.resume()
        self.watch()

    def _acts(self, fault: Fault) -> Acts:
        kind, _, slot = fault.target.partition(" ")
        if kind == "worker":
            return self._worker_acts(fault.what, slot)
        if "~" in fault.target:
            return self._links[fault.target].acts(fault.what)
        if fault.target == "mongo":
            return self._mongo_acts(fault.what)
        return self.brokers.acts(fault.what, fault.target, self.scene)

    def _worker_acts(self, what: str, slot: str) -> Acts:
        if what in JUMPS:
            clock = self._clocks[slot]
            return lambda: clock.set_ahead(JUMPS[what]), lambda: clock.set_ahead(0)
        if "pause" in what:
            return lambda: self._if_running(slot, Worker.pause), lambda: self._if_running(slot, Worker.resume)
        if what == "join":
            return lambda: self._replace(slot), lambda: self.workers.pop(slot).ask_to_stop()
        worker = self.workers[slot]
        return worker.close if what == "kill" else worker.ask_to_stop, lambda: self._replace(slot)

    def _replace(self, slot: str) -> None:
        if slot in self.workers:
            self.workers[slot].close()
        self.workers[slot] = self._start(slot)

    def _if_running(self, slot: str, act: Callable[[Worker], None]) -> None:
        if self.workers[slot].running:
            act(self.workers[slot])

    def _mongo_acts(self, what: str) -> Acts:
        def start(*, lossy: bool) -> None:
            self.mongo.lossy = lossy
            self.mongo.start()

        if what == "pause":
            return self.mongo.pause, self.mongo.heal
        return self.mongo.kill, lambda: start(lossy="lossy" in what)

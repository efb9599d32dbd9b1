"""The workers, one in a slot, each with a clock and lines of its own."""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.system.chaos.lines import Acts, Lines
from tests.system.chaos.schedule import JUMPS, SLOTS
from tests.system.faults.clock import Clock
from tests.system.faults.scene import Scene
from tests.system.faults.workers import Worker

DEFECT = 1
"""Exit code of a worker that ended for no reason it knows."""


class Broken(AssertionError):
    """The service did something that it must not do, other than what the checker counts."""


class Slots:
    """Starts and hurts workers, and starts those again that ended by themselves."""

    def __init__(self, folder: Path, links: Mapping[str, Lines]) -> None:
        self._clocks = {slot: Clock(folder / f"clock-{slot}") for slot in SLOTS}
        self._links = links
        self._resumed: Counter[str] = Counter()
        self.revived = 0
        self.workers: dict[str, Worker] = {}
        self._started: list[Worker] = []
        self._scene: Scene

    def begin(self, scene: Scene) -> None:
        """Two workers for a scene."""
        self._scene = scene
        self.workers = {slot: self._start(slot) for slot in "AB"}

    def resumes(self) -> Counter[str]:
        """Why partitions were resumed, and how often: what the faults came to."""
        lines = [line for worker in self._started for line in worker.lines("took over")]
        return (
            self._resumed
            + Counter(line["reason"] for line in lines)
            + Counter("the database went back" for line in lines if line["replaying"])
        )

    def end(self) -> None:
        """Ends them all."""
        for worker in self._started:
            worker.close()
        self._resumed = self.resumes()
        self._started, self.workers = [], {}

    def _start(self, slot: str) -> Worker:
        worker = self._scene.start(
            CONTRACTS_KAFKA_BOOTSTRAP_SERVERS=self._links[f"{slot}~kafka"].addresses,
            CONTRACTS_MONGO_URI=f"mongodb://{self._links[f'{slot}~mongo'].addresses}/?directConnection=true",
            FAULTS_CLOCK=str(self._clocks[slot].path),
        )
        self._started.append(worker)
        return worker

    def watch(self) -> None:
        """Revives what ended by itself, as a supervisor would; raises for what no fault excuses."""
        for slot, worker in list(self.workers.items()):
            if any(worker.lines("partition stopped")):
                raise Broken(f"{slot} stopped a partition: {worker.tail()}")
            if not worker.running:
                if worker.exit_code == DEFECT:
                    raise Broken(f"{slot} ended by a defect: {worker.tail()}")
                why = [line["error"] for line in worker.lines("the service ended")]
                print(f"{slot} ended by itself: {why}", flush=True)
                self.revived += 1
                self.workers[slot] = self._start(slot)

    def heal(self) -> None:
        """Clocks are right, who joined leaves, and who was paused goes on."""
        for clock in self._clocks.values():
            clock.set_ahead(0)
        if joined := self.workers.pop("C", None):
            joined.ask_to_stop()
        for worker in self.workers.values():
            if worker.running and worker.paused:
                worker.resume()

    def acts(self, what: str, slot: str) -> Acts:
        """One of what the schedule has for workers."""
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

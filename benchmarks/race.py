"""One measured run of one contender, and many of them in turn."""

from __future__ import annotations

import statistics
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final

from benchmarks.contenders.base import WorkNotDone
from benchmarks.contenders.service import Recording
from benchmarks.log import Log, Shape, make_log
from benchmarks.procfs import Cpu, memory_mib

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from benchmarks.contenders.base import Contender
    from benchmarks.feed import Feed
    from benchmarks.world import Run, World
    from devstack.process import Process

JOIN_SECONDS: Final = 90.0
WORK_SECONDS: Final = 300.0
STOP_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 0.02
WARM_SHARE: Final = 0.2
SETTLE_SECONDS: Final = 0.5
"""Between warm-up and release: background work of the servers ends."""


@dataclass(frozen=True)
class Scenario:
    """What all contenders meet alike."""

    name: str
    shape: Shape = field(default_factory=Shape)
    partitions: int = 4
    processes: int = 1
    synced: bool = False
    """Whether the database syncs every commit to disk."""


@dataclass(frozen=True)
class Measured:
    """What one run of one contender gave. CPU in seconds per 1,000 commands, memory in MiB."""

    contender: str
    commands: int
    seconds: float
    per_second: float
    cpu_client: float
    cpu_broker: float
    cpu_database: float
    memory: float

    def figures(self) -> dict[str, float]:
        """All numbers by name."""
        return {name: value for name, value in asdict(self).items() if name != "contender"}


def measure(world: World, contender: Contender, scenario: Scenario) -> Measured:
    """Start, warm up, release the log, wait until it is done, stop, check.

    Raises:
        WorkNotDone: too slow, dead, or wrong.
    """
    processes = min(scenario.processes, contender.most_processes)
    shape = scenario.shape.scaled(contender.share)
    log = make_log(shape, scenario.partitions)
    warm_up = make_log(shape.scaled(WARM_SHARE), scenario.partitions, "warm")
    with world.run(
        contender.name.replace("@", "-"),
        partitions=scenario.partitions,
        processes=processes,
        synced=scenario.synced,
    ) as run:
        contender.prepare(run)
        with ExitStack() as stack:
            started = [contender.start(run, number) for number in range(processes)]
            for process in started:
                stack.callback(process.stop, STOP_SECONDS)
            feed = contender.feed(run)
            wait(JOIN_SECONDS, started, lambda: contender.ready(run))
            ends = feed.send(warm_up)
            wait(WORK_SECONDS, started, lambda: contender.finished(run, warm_up, ends))
            measured = release(run, contender, started, feed, log)
        contender.verify(run, [warm_up, log], feed.ends())
    return measured


def release(run: Run, contender: Contender, started: Sequence[Process], feed: Feed, log: Log) -> Measured:
    """Let the joined and warm contender meet the log all at once, and wait until it is done with it."""
    feed.hold(log)
    time.sleep(SETTLE_SECONDS)
    pids = [process.pid for process in started]
    broker, database = run.world.kafka.pid, run.mongo.pid
    before = Cpu.of(pids, broker, database)
    began = feed.release()
    ended = wait(WORK_SECONDS, started, lambda: contender.finished(run, log, feed.ends()))
    used = Cpu.of(pids, broker, database).since(before)
    commands, seconds = len(log.records), ended - began
    return Measured(
        contender.name,
        commands,
        round(seconds, 3),
        round(commands / seconds, 1),
        round(1000 * used.client / commands, 4),
        round(1000 * used.broker / commands, 4),
        round(1000 * used.database / commands, 4),
        round(sum(map(memory_mib, pids)), 1),
    )


def record(world: World, scenario: Scenario, to: Path) -> None:
    """Let the service do the scenario once and record its writes into a file, for the floor."""
    recording = Recording(to)
    log = make_log(scenario.shape, scenario.partitions)
    with world.run(recording.name, partitions=scenario.partitions, processes=1) as run, ExitStack() as stack:
        process = recording.start(run, 0)
        stack.callback(process.stop, STOP_SECONDS)
        ends = recording.feed(run).send(log)
        wait(WORK_SECONDS, [process], lambda: recording.finished(run, log, ends))


def wait(seconds: float, processes: Sequence[Process], done: Callable[[], bool]) -> float:
    """The moment at which it is done."""
    deadline = time.monotonic() + seconds
    while True:
        asked = time.monotonic()
        if done():
            return asked
        for process in processes:
            if process.exit_code is not None:
                raise WorkNotDone(f"ended with code {process.exit_code}: {process.log_tail()}")
        if asked > deadline:
            raise WorkNotDone(f"not done after {seconds:g} s: {processes[0].log_tail()}")
        time.sleep(LOOK_SECONDS)


def race(
    world: World,
    contenders: Sequence[Contender],
    scenario: Scenario,
    rounds: int,
    tell: Callable[[Measured], None],
) -> list[list[Measured]]:
    """All contenders in turn, several rounds; every second round backwards."""
    results: list[list[Measured]] = []
    for number in range(rounds):
        order = contenders if number % 2 == 0 else contenders[::-1]
        results.append([])
        for contender in order:
            measured = measure(world, contender, scenario)
            tell(measured)
            results[-1].append(measured)
    return results


def medians(rounds: Sequence[Sequence[Measured]]) -> dict[str, dict[str, float]]:
    """The median of each figure of each contender."""
    by_name: dict[str, list[Mapping[str, float]]] = {}
    for measured in (row for one in rounds for row in one):
        by_name.setdefault(measured.contender, []).append(measured.figures())
    return {
        name: {figure: statistics.median(row[figure] for row in rows) for figure in rows[0]}
        for name, rows in by_name.items()
    }


def ratio(rounds: Sequence[Sequence[Measured]], contender: str, to: str) -> float:
    """The median over the rounds of the two contenders' commands/s in the same round."""
    found = []
    for one in rounds:
        speeds = {row.contender: row.per_second for row in one}
        if contender in speeds and to in speeds:
            found.append(speeds[contender] / speeds[to])
    return round(statistics.median(found), 3)


def spread(rounds: Sequence[Sequence[Measured]], contender: str) -> tuple[float, float]:
    """Slowest and fastest run of a contender."""
    speeds = [row.per_second for one in rounds for row in one if row.contender == contender]
    return min(speeds), max(speeds)

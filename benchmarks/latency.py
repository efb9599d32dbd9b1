"""How long a command takes from its record timestamp until a read_committed consumer sees its result."""

from __future__ import annotations

import statistics
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from confluent_kafka import Producer

from benchmarks.contenders.base import WorkNotDone, python_app
from benchmarks.contenders.service import Service
from benchmarks.log import Shape, make_creates, make_log
from benchmarks.procfs import Cpu, memory_mib
from benchmarks.race import JOIN_SECONDS, STOP_SECONDS, WORK_SECONDS, wait
from benchmarks.world import ROOT
from devstack.process import Process

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.log import Record
    from benchmarks.world import Run, World

ACCOUNTS: Final = 5_000
PARTITIONS: Final = 4
DRAIN_SECONDS: Final = 60.0
TICK_SECONDS: Final = 0.005
WARM_SECONDS: Final = 20.0
"""Sent at the same rate before what is measured: the broker's code is compiled while it runs."""


def id_of(record: Record) -> str:
    """The command's id."""
    return next(
        value.decode() for name, value in record.headers if name == "ce_id" and isinstance(value, bytes)
    )


class Sender:
    """Sends records at their time and keeps when the broker stamped each."""

    def __init__(self, run: Run) -> None:
        self._topic = run.commands
        self.stamps: dict[str, float] = {}
        self._producer = Producer(
            {
                "bootstrap.servers": run.world.kafka.bootstrap,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "log_level": 0,
            }
        )

    def send(self, record: Record) -> str:
        """Send now, without waiting; returns the command's id."""
        key, value, headers = record
        name = id_of(record)

        def stamped(error: object, message: Any) -> None:
            if error:
                raise WorkNotDone(f"not sent: {error}")
            self.stamps[name] = message.timestamp()[1] / 1000

        self._producer.produce(self._topic, value, key, headers=headers, on_delivery=stamped)
        self._producer.poll(0)
        return name

    def flush(self) -> None:
        """Wait until all are acknowledged."""
        self._producer.flush(DRAIN_SECONDS)

    def pace(self, records: Sequence[Record], per_second: float) -> float:
        """Send the records evenly, those of a tick together; returns how many a second it came to."""
        began = time.monotonic()
        sent = 0
        while sent < len(records):
            due = min(len(records), 1 + int((time.monotonic() - began) * per_second))
            for record in records[sent:due]:
                self.send(record)
            sent = due
            time.sleep(TICK_SECONDS)
        self.flush()
        return len(records) / (time.monotonic() - began)


def under_load(world: World, share: float, capacity: float, seconds: float) -> dict[str, Any]:
    """Latencies in milliseconds at a steady share of the capacity, every commit synced to disk."""
    return at_rate(world, share * capacity, seconds, PARTITIONS)


def at_rate(
    world: World,
    asked: float,
    seconds: float,
    partitions: int,
    service: Service | None = None,
    *,
    synced: bool = True,
) -> dict[str, Any]:
    """The same at so many commands a second, and the processor time that all three processes take for it.

    `service`: other than this checkout's. `synced`: whether every commit waits for the disk.
    """
    service = service or Service()
    warm = int(asked * WARM_SECONDS)
    log = make_log(Shape(warm + int(asked * seconds), ACCOUNTS, stored=True), partitions, label="load")
    with ExitStack() as stack:
        run, process, watcher, seen = begin(stack, world, service, "load", partitions, synced=synced)
        sender = Sender(run)
        sender.pace(log.records[:warm], asked)
        used, began = Cpu.of([process.pid], world.kafka.pid, run.mongo.pid), time.monotonic()
        reached = sender.pace(log.records[warm:], asked)
        used = Cpu.of([process.pid], world.kafka.pid, run.mongo.pid).since(used)
        cores = {
            f"cores_{part}": value / (time.monotonic() - began) for part, value in used._asdict().items()
        }
        wait(DRAIN_SECONDS, [process, watcher], lambda: service.stored(run, log))
        time.sleep(1)  # what is stored is published a moment later
        watcher.stop(STOP_SECONDS)
        memory = memory_mib(process.pid)
        measured = [id_of(record) for record in log.records[warm:]]
        latencies = _latencies({name: sender.stamps[name] for name in measured}, seen)
    row = {"asked_per_second": round(asked), "sent_per_second": round(reached), **percentiles(latencies)}
    cores["cores"] = sum(cores.values())
    return {
        **row,
        **{name: round(value, 2) for name, value in cores.items()},
        "memory": round(memory, 1),
        "kept_up": row["p99_ms"] < 1000 * seconds / 10,
    }


class Begun(NamedTuple):
    """A run with its contracts stored; the watcher notes in `seen` when each result arrives."""

    run: Run
    process: Process
    watcher: Process
    seen: Path


def begin(
    stack: ExitStack, world: World, service: Service, what: str, partitions: int, *, synced: bool = True
) -> Begun:
    """Starts one process of the service, stores the accounts' contracts, and watches results from then on."""
    stored = make_creates(range(ACCOUNTS), partitions)
    run = stack.enter_context(world.run(what, partitions=partitions, processes=1, synced=synced))
    process = service.start(run, 0)
    stack.callback(process.stop, STOP_SECONDS)
    wait(JOIN_SECONDS, [process], lambda: service.ready(run))
    ends = service.feed(run).send(stored)
    wait(WORK_SECONDS, [process], lambda: service.finished(run, stored, ends))
    seen = run.folder / "seen"
    watcher = Process(
        [*python_app("watch"), str(seen)], folder=ROOT, log=run.folder / "watch.log", env=run.environment
    )
    stack.callback(watcher.stop, STOP_SECONDS)
    return Begun(run, process, watcher, seen)


def arrivals(seen: Path) -> dict[str, float]:
    """When the watcher saw each command's result, in seconds since 1970."""
    lines = (line.rsplit(" ", 1) for line in seen.read_text().splitlines())
    return {name: float(moment) for name, moment in lines}


def _latencies(stamps: dict[str, float], seen: Path) -> list[float]:
    arrived = arrivals(seen)
    missing = stamps.keys() - arrived.keys()
    if missing:
        raise WorkNotDone(f"{len(missing)} of {len(stamps)} results were never seen")
    return [1000 * (arrived[name] - stamp) for name, stamp in stamps.items()]


def percentiles(milliseconds: Sequence[float]) -> dict[str, float]:
    """The usual ones."""
    cuts = statistics.quantiles(milliseconds, n=100, method="inclusive")
    return {"p50_ms": round(cuts[49], 2), "p95_ms": round(cuts[94], 2), "p99_ms": round(cuts[98], 2)}

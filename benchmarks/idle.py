"""What a service costs that has nothing to do: `python -m benchmarks.idle --kafka noida apache`.

One process that owns all partitions, without a command and without the scanner: the CPU time of the service,
the broker and the database, in per cent of one core, and that of the broker before the service starts.
Brokers differ in how they wait for records: Kafka holds a fetch back until some come, the embedded one
answers at once.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.contenders.service import Service
from benchmarks.procfs import Cpu
from benchmarks.race import JOIN_SECONDS, STOP_SECONDS, wait
from benchmarks.report import show_rows
from benchmarks.world import World
from devstack.stack import BROKERS

if TYPE_CHECKING:
    from benchmarks.world import Run

SETTLE_SECONDS: Final = 10.0
"""After what made the servers work: new topics, and the first takeover."""


def at_rest(run: Run, seconds: float) -> dict[str, float]:
    """Per cent of a core that each part uses."""
    service = Service()
    alone = _used(run, [], seconds)
    with ExitStack() as stack:
        process = service.start(run, 0)
        stack.callback(process.stop, STOP_SECONDS)
        wait(JOIN_SECONDS, [process], lambda: service.ready(run))
        used = _used(run, [process.pid], seconds)
    return {
        "service": used.client,
        "broker": used.broker,
        "broker alone": alone.broker,
        "database": used.database,
    }


def _used(run: Run, services: list[int], seconds: float) -> Cpu:
    """Per cent of a core that each part uses from now on, once it has settled."""
    time.sleep(SETTLE_SECONDS)
    pids = services, run.world.kafka.pid, run.mongo.pid
    before, began = Cpu.of(*pids), time.monotonic()
    time.sleep(seconds)
    spent, elapsed = Cpu.of(*pids).since(before), time.monotonic() - began
    return Cpu(*(100 * each / elapsed for each in spent))


def main() -> None:
    """As the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.idle", description=__doc__)
    parser.add_argument("--kafka", nargs="+", choices=sorted(BROKERS), default=sorted(BROKERS))
    parser.add_argument("--partitions", type=int, nargs="+", default=[4, 48])
    parser.add_argument("--seconds", type=float, default=30.0)
    arguments = parser.parse_args()
    rows: dict[str, dict[str, float]] = {}
    for kind in arguments.kafka:
        with tempfile.TemporaryDirectory(prefix="idle-") as name:
            folder = Path(name)
            with World(folder, BROKERS[kind](folder / "kafka")) as world:
                for partitions in arguments.partitions:
                    with world.run("idle", partitions=partitions, processes=1, synced=True) as run:
                        rows[f"{kind}, {partitions} partitions"] = at_rest(run, arguments.seconds)
    show_rows("at rest, % of a core", rows)


if __name__ == "__main__":
    main()

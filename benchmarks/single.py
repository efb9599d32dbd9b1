"""One command at a time, and the two bare transactions that no way of doing the job can do without."""

from __future__ import annotations

import json
import statistics
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import Consumer

from benchmarks.contenders.apps.watch import cause_of
from benchmarks.contenders.base import WorkNotDone, python_app
from benchmarks.contenders.service import Plain, Recording, Service
from benchmarks.latency import PARTITIONS, Sender, percentiles
from benchmarks.log import Shape, make_log
from benchmarks.race import JOIN_SECONDS, STOP_SECONDS, WORK_SECONDS, wait
from devstack.process import Process
from schemas.topics import COMMAND_RESULTS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.log import Log
    from benchmarks.world import Run, World

PAUSE_SECONDS: Final = 0.02
"""Between two commands: Kafka answers a transaction on the heels of another with a back-off of 20 ms."""

RESULT_SECONDS: Final = 30.0
WARM_UP: Final = 50


def one_at_a_time(world: World, tries: int) -> dict[str, Any]:
    """Latencies in milliseconds of single commands, and of the bare transactions; commits are synced.

    `ratio`: the service's median divided by the medians of both bare transactions; `plain_ratio`: that of a
    plain loop, which decides nothing.
    """
    log = make_log(Shape(tries + WARM_UP, max(1, tries // 5)), PARTITIONS)
    recorded = world.folder / "single.bson"
    recorded.unlink(missing_ok=True)
    service = _singles(world, Service(), log)
    plain = _singles(world, Plain(), log)
    _singles(world, Recording(recorded), log)
    mongo, kafka = _floor(world, recorded, tries + WARM_UP)
    both = [sum(pair) for pair in zip(mongo, kafka, strict=True)]
    floor = statistics.median(mongo) + statistics.median(kafka)
    return {
        "rows": {
            "service, one command": percentiles(service),
            "plain loop, one command": percentiles(plain),
            "bare MongoDB transaction": percentiles(mongo),
            "bare Kafka transaction": percentiles(kafka),
            "both, one after the other": percentiles(both),
        },
        "ratio": round(statistics.median(service) / floor, 3),
        "plain_ratio": round(statistics.median(plain) / floor, 3),
    }


def side_by_side(world: World, services: Sequence[Service], tries: int, rounds: int) -> dict[str, Any]:
    """Latencies in milliseconds of single commands, round by round in turn; commits are synced."""
    log = make_log(Shape(tries + WARM_UP, max(1, tries // 5)), PARTITIONS)
    rows = {}
    for number in range(rounds):
        for service in services[:: -1 if number % 2 else 1]:
            rows[f"{service.name}, round {number + 1}"] = percentiles(_singles(world, service, log))
    return rows


def _singles(world: World, service: Service, log: Log) -> list[float]:
    """Sends each command when the result of the one before was seen."""
    with ExitStack() as stack:
        run = stack.enter_context(world.run("single", partitions=PARTITIONS, processes=1, synced=True))
        process = service.start(run, 0)
        stack.callback(process.stop, STOP_SECONDS)
        wait(JOIN_SECONDS, [process], lambda: service.ready(run))
        consumer = _results(run)
        stack.callback(consumer.close)
        sender = Sender(run)
        latencies = []
        for record in log.records:
            name = sender.send(record)
            sender.flush()
            seen = _seen(consumer, name.encode())
            latencies.append(1000 * (seen - sender.stamps[name]))
            time.sleep(PAUSE_SECONDS)
    return latencies[WARM_UP:]


def _results(run: Run) -> Consumer:
    consumer = Consumer(
        {
            "bootstrap.servers": run.world.kafka.bootstrap,
            "group.id": f"{run.name}-watch",
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([run.prefix + COMMAND_RESULTS])
    return consumer


def _seen(consumer: Consumer, name: bytes) -> float:
    deadline = time.monotonic() + RESULT_SECONDS
    while time.monotonic() < deadline:
        message = consumer.poll(1.0)
        if message is not None and message.error() is None and cause_of(message.headers() or []) == name:
            return time.time()
    raise WorkNotDone(f"no result of {name.decode()} after {RESULT_SECONDS:g} s")


def _floor(world: World, recorded: Path, tries: int) -> tuple[list[float], list[float]]:
    """Milliseconds of the bare transactions: the recorded ones in MongoDB, and of the usual size in Kafka."""
    with ExitStack() as stack:
        run = stack.enter_context(world.run("floor", partitions=PARTITIONS, processes=1, synced=True))
        measured = run.folder / "transactions"
        process = Process(
            [*python_app("transact"), str(recorded), str(measured), str(tries), str(PAUSE_SECONDS)],
            folder=Service.tree,
            log=run.folder / "transact.log",
            env=run.environment,
        )
        stack.callback(process.stop, STOP_SECONDS)
        wait(WORK_SECONDS, [process], measured.exists)
        seconds = json.loads(measured.read_text())
    mongo, kafka = ([1000 * each for each in seconds[part][WARM_UP:]] for part in ("mongo", "kafka"))
    return mongo, kafka

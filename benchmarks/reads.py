"""Contracts by account over HTTP, and what a listener that nobody asks costs the pipeline."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import httpx

from benchmarks import race
from benchmarks.contenders.base import WorkNotDone
from benchmarks.contenders.service import Service
from benchmarks.http_load import paced
from benchmarks.latency import ACCOUNTS, PARTITIONS, percentiles
from benchmarks.log import make_creates
from benchmarks.procfs import Cpu, memory_mib
from benchmarks.race import JOIN_SECONDS, STOP_SECONDS, WORK_SECONDS, wait
from benchmarks.report import show_medians, show_rows, tell
from benchmarks.world import ROOT
from consumer.api.tokens import new_token
from devstack.ports import reserve_port
from devstack.process import Process

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.log import Log
    from benchmarks.race import Scenario
    from benchmarks.world import Run, World

READS_PER_SECOND: Final = 500
CONNECTIONS: Final = 16
WARM_SECONDS: Final = 5.0
SEED: Final = 7


def over_http(world: World, scenario: Scenario, rounds: int, seconds: float) -> dict[str, Any]:
    """Both, so many times."""
    rows = {f"round {number + 1}": reads(world, seconds) for number in range(rounds)}
    show_rows("contracts by account over HTTP", rows)
    return {"rows": rows, "idle": listening(world, scenario, rounds)}


def reads(world: World, seconds: float) -> dict[str, Any]:
    """Latencies of reads in milliseconds, from one `contracts serve`, beside the servers and nothing else."""
    log = make_creates(range(ACCOUNTS), PARTITIONS)
    with ExitStack() as stack:
        run = stack.enter_context(world.run("reads", partitions=PARTITIONS, processes=1, synced=True))
        _store(run, log)
        port = reserve_port()
        environment, token = _listening(run, port.number)
        port.release()
        process = Process(
            [sys.executable, "-m", "consumer", "serve"],
            folder=ROOT,
            log=run.folder / "serve.log",
            env={**run.environment, **environment, "PYTHONPATH": ""},
        )
        stack.callback(process.stop, STOP_SECONDS)
        wait(JOIN_SECONDS, [process], lambda: _is_ready(port.number))
        return _measured(run, process, port.number, _requests(log, token, seconds))


def _store(run: Run, log: Log) -> None:
    service = Service()
    process = service.start(run, 0)
    try:
        wait(JOIN_SECONDS, [process], lambda: service.ready(run))
        ends = service.feed(run).send(log)
        wait(WORK_SECONDS, [process], lambda: service.finished(run, log, ends))
    finally:
        process.stop(STOP_SECONDS)


def _listening(run: Run, port: int) -> tuple[dict[str, str], str]:
    """The settings of a listener, and a token that it knows."""
    token, line = new_token("benchmark", "reader")
    (run.folder / "tokens").write_text(line)
    return {
        "CONTRACTS_API_PORT": str(port),
        "CONTRACTS_API_TOKENS_PATH": str(run.folder / "tokens"),
        "CONTRACTS_API_REQUESTS_PER_SECOND": "100000",
    }, token


def _is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _requests(log: Log, token: str, seconds: float) -> list[bytes]:
    """Of accounts by chance, with some seconds before that are not measured."""
    chance = random.Random(SEED)
    accounts = [record[0].decode() for record in log.records]
    head = f"HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n"
    return [
        f"GET /v1/accounts/{chance.choice(accounts)}/contract {head}".encode()
        for _ in range(int((WARM_SECONDS + seconds) * READS_PER_SECOND))
    ]


def _measured(run: Run, process: Process, port: int, requests: list[bytes]) -> dict[str, Any]:
    warm = int(WARM_SECONDS * READS_PER_SECOND)
    pids = [process.pid], run.world.kafka.pid, run.mongo.pid
    asyncio.run(paced(port, requests[:warm], READS_PER_SECOND, CONNECTIONS))
    used, began = Cpu.of(*pids), time.monotonic()
    latencies = asyncio.run(paced(port, requests[warm:], READS_PER_SECOND, CONNECTIONS))
    elapsed = time.monotonic() - began
    used = Cpu.of(*pids).since(used)
    if len(latencies) != len(requests) - warm:
        raise WorkNotDone("a read has no answer")
    return {
        "asked_per_second": READS_PER_SECOND,
        "answered_per_second": round(len(latencies) / elapsed),
        **percentiles(latencies),
        "cores_api": round(used.client / elapsed, 2),
        "cores_database": round(used.database / elapsed, 2),
        "memory": round(memory_mib(process.pid), 1),
    }


class Running(Service):
    """`contracts run`, with a scanner that looks once, at the start, when there is nothing."""

    name = "run"
    title = "contracts run"

    def command(self, run: Run, number: int) -> list[str]:  # noqa: ARG002 - there is one
        """With everything that `run` does."""
        return [sys.executable, "-m", "consumer", "run"]

    def environment(self, run: Run) -> Mapping[str, str]:
        """As in production, but for the scanner."""
        return {**super().environment(run), "CONTRACTS_SCAN_INTERVAL_SECONDS": "86400"}


class Listening(Running):
    """The same with the HTTP API, which nobody asks anything."""

    name = "run-listening"
    title = "contracts run with the HTTP API"

    def environment(self, run: Run) -> Mapping[str, str]:
        """On a free port."""
        settings, _ = _listening(run, 0)
        return {**super().environment(run), **settings, "CONTRACTS_API_WITH_RUN": "true"}


def listening(world: World, scenario: Scenario, rounds: int) -> dict[str, Any]:
    """The pipeline's speed with a listener that is idle, and without one."""
    contenders = [Running(), Listening()]
    results = race.race(world, contenders, scenario, rounds, tell)
    medians = race.medians(results)
    show_medians("an idle listener", medians, {each.name: each.title for each in contenders})
    return {"medians": medians, "ratio": race.ratio(results, Listening.name, Running.name)}

"""What watching costs when much is stored: `python -m benchmarks.watching --contracts 10000 1000000`.

The service itself makes the contracts; then, idle and under no other load, its /metrics is asked again
and again, and what it counts in the database for its gauges is counted and timed.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
import urllib.request
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.contenders.service import Service
from benchmarks.procfs import cpu_seconds, memory_mib
from benchmarks.race import JOIN_SECONDS, STOP_SECONDS, wait
from benchmarks.report import show_rows
from benchmarks.scale import Stored
from benchmarks.world import World
from consumer import clients
from consumer.clients import make_queries
from consumer.errors import ServiceUnavailable
from consumer.reading.statistics import WINDOWS, ContractStatistics
from consumer.settings import load_settings
from devstack.ports import reserve_port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.world import Run

SCRAPES: Final = 200
COUNTS: Final = 3
EVERYTHING: Final = (7, 30, 60, 400)
"""Days: all contracts of a year end within the last of them."""


class Watched(Service):
    """The service with its HTTP end points at a port that is known."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.url = f"http://127.0.0.1:{port}/metrics"
        self._port = port

    def environment(self, run: Run) -> Mapping[str, str]:
        """As usual, but for the port."""
        return {**run.environment, "CONTRACTS_HTTP_PORT": str(self._port)}


def watch(run: Run) -> dict[str, float]:
    """A scrape: time, CPU, size; and the count of what expires."""
    port = reserve_port()
    service = Watched(port.number)
    port.release()
    with ExitStack() as stack:
        process = service.start(run, 0)
        stack.callback(process.stop, STOP_SECONDS)
        wait(JOIN_SECONDS, [process], lambda: service.ready(run))
        page = _scrape(service.url)  # the first one is slower
        before, seconds = cpu_seconds(process.pid), []
        for _ in range(SCRAPES):
            began = time.perf_counter()
            page = _scrape(service.url)
            seconds.append(time.perf_counter() - began)
        spent = cpu_seconds(process.pid) - before
        memory = memory_mib(process.pid, "VmRSS")
    counts, whole = asyncio.run(_counts(run))
    lines = page.decode().splitlines()
    return {
        "scrape, ms": 1000 * statistics.median(seconds),
        "slowest of 200, ms": 1000 * max(seconds),
        "CPU of a scrape, ms": 1000 * spent / SCRAPES,
        "series": sum(not line.startswith("#") for line in lines),
        "KiB": len(page) / 1024,
        "count of what expires, ms": counts,
        "the same if all did, ms": whole,
        "service at rest, MiB": memory,
    }


def _scrape(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return bytes(answer.read())


async def _counts(run: Run) -> list[float]:
    """Milliseconds of the count for the gauge `expiring`: in its windows, and with all contracts in them."""
    settings = load_settings(mongo_uri=run.mongo.uri)
    client = clients.open_mongo(settings)
    figures = ContractStatistics(make_queries(settings, client))
    medians = []
    try:
        for windows in (WINDOWS, EVERYTHING):
            seconds = []
            for _ in range(COUNTS):
                began = time.perf_counter()
                with suppress(ServiceUnavailable):  # it gives up after CONTRACTS_MONGO_TIMEOUT_MS
                    await figures.expiring_counts(windows)
                seconds.append(time.perf_counter() - began)
            medians.append(1000 * statistics.median(seconds))
    finally:
        client.close()
    return medians


def measure(sizes: Sequence[int], folder: Path) -> None:
    """One size after the other, each in a database of its own."""
    rows: dict[str, dict[str, float]] = {}
    with World(folder) as world:
        for size in sizes:
            with ExitStack() as stack:
                stored = Stored(world, size, stack)
                stored.fill()
                peak = max(sample["service_mib"] for sample in stored.timeline)
                for figure, value in {**watch(stored.run), "while filling, MiB": peak}.items():
                    rows.setdefault(figure, {})[f"{size:,} contracts"] = value
    show_rows("watching", rows)


def main() -> None:
    """As the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.watching", description=__doc__)
    parser.add_argument("--contracts", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--data", type=Path, help="folder for the servers' data (some gigabytes)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="watching-", dir=arguments.data) as folder:
        measure(arguments.contracts, Path(folder))


if __name__ == "__main__":
    main()

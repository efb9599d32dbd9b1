"""Whether it stays as fast when much is stored, and its memory flat while a million commands flow."""

from __future__ import annotations

import statistics
import time
from contextlib import ExitStack
from random import Random
from typing import TYPE_CHECKING, Any, Final

from pymongo import UpdateOne

from benchmarks.checks import as_float
from benchmarks.contenders.base import WorkNotDone
from benchmarks.contenders.service import Service
from benchmarks.latency import PARTITIONS
from benchmarks.log import Shape, make_creates, make_log
from benchmarks.procfs import memory_mib
from benchmarks.race import JOIN_SECONDS, LOOK_SECONDS, STOP_SECONDS, WORK_SECONDS, release, wait
from benchmarks.report import tell
from benchmarks.scans import DUE, SHORT_MONTHS, scan_seconds

if TYPE_CHECKING:
    from benchmarks.log import Log
    from benchmarks.race import Measured
    from benchmarks.world import Run, World

SIZES: Final = (10_000, 100_000, 1_000_000)
CHUNK: Final = 50_000
CHUNKS_AHEAD: Final = 4
"""Chunks waiting in the log while contracts are stored: the service never waits for us."""
SAMPLE_SECONDS: Final = 5.0
ASKED: Final = 500
ALONE_BATCHES: Final = 20
ALONE_CONTRACTS: Final = 1_000


class Stored:
    """A database with so many contracts, made by the service itself, that stays for all that follows."""

    def __init__(self, world: World, size: int, stack: ExitStack) -> None:
        self.size = size
        self.run: Run = stack.enter_context(world.run(f"stored-{size}", partitions=PARTITIONS, processes=1))
        self._service = Service()
        self._logs = 0
        self.timeline: list[dict[str, float]] = []

    def fill(self) -> None:
        """Create the contracts, and note how fast that went and how much memory it took."""
        months = {range(DUE): SHORT_MONTHS}
        with ExitStack() as stack:
            process = self._service.start(self.run, 0)
            stack.callback(process.stop, STOP_SECONDS)
            wait(JOIN_SECONDS, [process], lambda: self._service.ready(self.run))
            feed = self._service.feed(self.run)
            began = sampled = time.monotonic()
            sent = 0
            logs: list[Log] = []
            while True:
                done = self._done()
                if sent < self.size and done > sent - CHUNKS_AHEAD * CHUNK:
                    chunk = range(sent, min(sent + CHUNK, self.size))
                    logs = [make_creates(chunk, PARTITIONS, months)]
                    feed.send(logs[0])
                    sent = chunk.stop
                now = time.monotonic()
                finished = sent == self.size and self._service.finished(self.run, logs[-1], feed.ends())
                if finished or now - sampled >= SAMPLE_SECONDS:
                    sampled = now
                    self.timeline.append(self._sample(now - began, done, process.pid))
                if finished:
                    return
                if process.exit_code is not None:
                    raise WorkNotDone(f"the service ended: {process.log_tail()}")
                time.sleep(LOOK_SECONDS)

    def _done(self) -> int:
        return sum(self.run.committed(self._service.group(self.run)).values())

    def _sample(self, seconds: float, commands: int, pid: int) -> dict[str, float]:
        return {
            "seconds": round(seconds, 1),
            "commands": commands,
            "service_mib": round(memory_mib(pid, "VmRSS")),
            "database_mib": round(memory_mib(self.run.mongo.pid, "VmRSS")),
        }

    def update(self, commands: int, accounts: int) -> Measured:
        """Commands/s of updates spread evenly over the first `accounts` accounts."""
        self._logs += 1
        warm_up, log = (
            make_log(
                Shape(count, accounts, stored=True, seed=self._logs),
                PARTITIONS,
                label=f"{kind}-{self._logs}",
            )
            for kind, count in (("warm", commands // 5), ("updates", commands))
        )
        service = self._service
        with ExitStack() as stack:
            process = service.start(self.run, 0)
            stack.callback(process.stop, STOP_SECONDS)
            wait(JOIN_SECONDS, [process], lambda: service.ready(self.run))
            feed = service.feed(self.run)
            ends = feed.send(warm_up)
            wait(WORK_SECONDS, [process], lambda: service.finished(self.run, warm_up, ends))
            measured = release(self.run, service, [process], feed, log)
        self._check(log)
        return measured

    def _check(self, log: Log) -> None:
        """Some of the accounts have the fee of their last command."""
        asked = dict(list(log.expected.items())[-ASKED:])
        found = self.run.database.contracts.find({"account_id": {"$in": list(asked)}})
        fees = {contract["account_id"]: as_float(contract["base_monthly_fee"]) for contract in found}
        wrong = [name for name, wanted in asked.items() if abs(fees.get(name, -1.0) - wanted.fee) > 1e-6]
        if wrong:
            raise WorkNotDone(f"{len(wrong)} of {ASKED} accounts are not at their last command")

    def alone(self) -> float:
        """Contracts/s that one client reads and updates, all over the database: its own share of a batch."""
        contracts, dice = self.run.database.contracts, Random(self.size)
        with contracts.database.client.start_session() as session:
            began = time.monotonic()
            for number in range(2 * ALONE_BATCHES):
                if number == ALONE_BATCHES:
                    began = time.monotonic()  # what came before was warming up
                accounts = [f"account-{each:07d}" for each in dice.sample(range(self.size), ALONE_CONTRACTS)]
                with session.start_transaction():
                    found = contracts.find({"account_id": {"$in": accounts}}, session=session)
                    updates = [
                        UpdateOne({"_id": each["_id"]}, {"$set": {"notes": f"{number}"}}) for each in found
                    ]
                    contracts.bulk_write(updates, session=session)
        if len(updates) != ALONE_CONTRACTS:
            raise WorkNotDone(f"{len(updates)} of {ALONE_CONTRACTS} contracts are there")
        return ALONE_BATCHES * ALONE_CONTRACTS / (time.monotonic() - began)

    def scan(self) -> float:
        """Seconds of a scan that finds what is due."""
        return scan_seconds(self.run, self._service)


def sizes(world: World, commands: int, rounds: int, counts: tuple[int, ...] = SIZES) -> dict[str, Any]:
    """Everything at each size, the sizes in turn."""
    with ExitStack() as stack:
        stored = [Stored(world, size, stack) for size in counts]
        for one in stored:
            print(f"\nstoring {one.size:,} contracts")
            one.fill()
        everywhere = _rounds(stored, commands, rounds, None)
        same = _rounds(stored, commands, rounds, counts[0])
        scans = {one.size: [] for one in stored}  # type: dict[int, list[float]]
        for _ in range(rounds):
            for one in stored:
                scans[one.size].append(one.scan())
        alone = {one.size: one.alone() for one in stored}
        return _summary(stored, everywhere, same, scans, alone)


def _rounds(
    stored: list[Stored], commands: int, rounds: int, accounts: int | None
) -> dict[int, list[Measured]]:
    found: dict[int, list[Measured]] = {one.size: [] for one in stored}
    for number in range(rounds):
        for one in stored if number % 2 == 0 else stored[::-1]:
            print(f"  {one.size:,} stored, updates of {accounts or one.size:,} accounts:")
            found[one.size].append(one.update(commands, accounts or one.size))
            tell(found[one.size][-1])
    return found


def _summary(
    stored: list[Stored],
    everywhere: dict[int, list[Measured]],
    same: dict[int, list[Measured]],
    scans: dict[int, list[float]],
    alone: dict[int, float],
) -> dict[str, Any]:
    small, large = stored[0].size, stored[-1].size
    rows = {
        f"{one.size:,} contracts": {
            "commands/s, all accounts": _median(everywhere[one.size]),
            f"commands/s, the same {small:,}": _median(same[one.size]),
            "contracts/s, database alone": round(alone[one.size]),
            f"scan of {DUE:,} due, s": round(statistics.median(scans[one.size]), 3),
            "creates/s while filling": round(one.size / one.timeline[-1]["seconds"]),
            "service MiB": max(sample["service_mib"] for sample in one.timeline),
            "service MiB, all accounts": max(row.memory for row in everywhere[one.size]),
            "database MiB": max(sample["database_mib"] for sample in one.timeline),
        }
        for one in stored
    }
    return {
        "rows": rows,
        "timeline": stored[-1].timeline,
        "ratios": {
            "throughput_1m_over_10k": _ratio(everywhere, large, small),
            "throughput_1m_over_10k_same_accounts": _ratio(same, large, small),
            "database_1m_over_10k": round(alone[large] / alone[small], 3),
            "scan_1m_over_10k": round(
                statistics.median(a / b for a, b in zip(scans[large], scans[small], strict=True)), 3
            ),
        },
        "bytes": {f"{one.size:,}": _bytes(one.run) for one in stored},
    }


def _median(rows: list[Measured]) -> float:
    return statistics.median(row.per_second for row in rows)


def _ratio(found: dict[int, list[Measured]], large: int, small: int) -> float:
    pairs = zip(found[large], found[small], strict=True)
    return round(statistics.median(a.per_second / b.per_second for a, b in pairs), 3)


def _bytes(run: Run) -> dict[str, float]:
    """Average size of a document of each collection, as BSON."""
    found = {}
    for name in ("contracts", "history"):
        [row] = run.database[name].aggregate(
            [{"$limit": 10_000}, {"$group": {"_id": None, "bytes": {"$avg": {"$bsonSize": "$$ROOT"}}}}]
        )
        found[name] = round(row["bytes"])
    return found

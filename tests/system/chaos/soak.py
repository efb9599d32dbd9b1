"""Half an hour of load and faults, while one worker lives through all of it: does it grow?"""

import time
from pathlib import Path
from typing import NamedTuple

from devstack.errors import ServerError
from devstack.proof.verdict import Verdict
from devstack.proof.watched import NotDone
from tests.system.chaos.arena import Arena
from tests.system.chaos.schedule import draw
from tests.system.chaos.slots import Broken
from tests.system.faults.workers import Worker

LIVES = "A"
WARM = 0.2
"""The share of the time that a worker may take to reach its size: caches fill, allocators settle."""

GROWTH = {"rss_mib": 1.15, "descriptors": 1.25}
"""By how much the median of the last quarter may exceed that of the first one after the warm-up."""

CHECKED_EVERY = 25


class Sample(NamedTuple):
    """A worker's size at a moment."""

    at: float
    slot: str
    pid: int
    rss_mib: float
    descriptors: int


def play(arena: Arena, seed: int, seconds: float) -> int:
    """Rounds until the time is up; the exit code. All is compared now and then, and at the end."""
    samples: list[Sample] = []
    arena.begin_epoch(seed)
    number, began = 0, time.monotonic()
    verdict = Verdict()
    while time.monotonic() - began < seconds and verdict.ok:
        number += 1
        round_ = draw(seed, number, lives=LIVES, brokers=arena.brokers.count)
        try:
            arena.play(round_)
            samples += _samples(arena.workers, time.monotonic() - began)
            if number % CHECKED_EVERY == 0:
                verdict = arena.check()
                print(f"{samples[-1].at:.0f} s, round {number}: {verdict}", flush=True)
        except (Broken, NotDone, ServerError) as error:
            print(f"round {number}: {round_}\n  {type(error).__name__}: {error}")
            print(f"soak: FAILED after {number} rounds", flush=True)
            return 1
    verdict = arena.check()
    print(verdict)
    flat = _tell(samples)
    print(arena)
    took = f"{time.monotonic() - began:.0f} s, {number} rounds, {verdict.commands} commands"
    print(f"soak: {took}: {verdict.line()}, {'flat' if flat else 'GROWS'}", flush=True)
    return 0 if verdict.ok and flat else 1


def _samples(workers: dict[str, Worker], at: float) -> list[Sample]:
    return [
        Sample(at, slot, worker.pid, _rss_mib(worker.pid), _descriptors(worker.pid))
        for slot, worker in workers.items()
        if worker.running
    ]


def _descriptors(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def _rss_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def _tell(samples: list[Sample]) -> bool:
    """Prints the sizes of the worker that lived longest, by the minute; whether it kept its size."""
    pids = [sample.pid for sample in samples if sample.slot == LIVES]
    longest = max(set(pids), key=pids.count)
    lived = [sample for sample in samples if sample.pid == longest]
    for sample in lived[:: max(1, len(lived) // 30)]:
        print(f"{sample.at:6.0f} s: {sample.rss_mib:6.1f} MiB, {sample.descriptors} descriptors")
    warm = lived[int(len(lived) * WARM) :]
    quarter = max(1, len(warm) // 4)
    flat = True
    for name, most in GROWTH.items():
        first, last = (_median(name, part) for part in (warm[:quarter], warm[-quarter:]))
        print(f"{name}: {first:g} -> {last:g}")
        flat = flat and last <= first * most
    return flat


def _median(name: str, samples: list[Sample]) -> float:
    values = sorted(getattr(sample, name) for sample in samples)
    return float(values[len(values) // 2])

"""`python -m benchmarks`: measures the service against what people use instead, all in one run."""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.client import client
from benchmarks.comparison import among_variations, base, compare, services, variations, vary
from benchmarks.contenders.service import Plain, Service
from benchmarks.keeping import PARTS, keep, ratios
from benchmarks.latency import at_rate, under_load
from benchmarks.machine import machine, versions
from benchmarks.reads import over_http
from benchmarks.report import show_rows
from benchmarks.resumes import starts
from benchmarks.scale import sizes
from benchmarks.single import one_at_a_time, side_by_side
from benchmarks.takeover import takeover
from benchmarks.traces import traces
from benchmarks.world import ROOT, World

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

RESULTS: Final = ROOT / "benchmarks" / "results" / "latest.json"
SHARES: Final = (0.1, 0.5, 0.9)
PARTITION_COUNTS: Final = (4, 12, 48)
RATES: Final = (500, 2_500)
"""Commands a second."""
WAITING: Final = 100_000
"""Commands that a process finds when it starts."""
DRIVER_ROUNDS: Final = 4
USUAL: Final = ("client", "compare", "vary", "latency", "partitions", "takeover", "reads")


@dataclass(frozen=True)
class Level:
    """How much is measured."""

    name: str
    commands: int
    rounds: int
    singles: int
    load_seconds: float
    shares: Sequence[float]
    parts: Sequence[str]


LEVELS: Final = {
    level.name: level
    for level in (
        Level("quick", 20_000, 2, 150, 8, (0.5,), ("compare", "latency")),
        Level("usual", 60_000, 2, 500, 20, SHARES, USUAL),
        Level("full", 60_000, 2, 500, 20, SHARES, PARTS),
    )
}


def main() -> None:
    """Measure what was asked for, print it, and keep it as JSON."""
    arguments = _parser().parse_args()
    level = LEVELS[arguments.level]
    parts = [part for part in PARTS if part in (arguments.only or level.parts)]
    found: dict[str, Any] = {"level": level.name, "machine": machine(), "versions": versions()}
    with _folder(arguments.data) as folder, World(folder) as world:
        found["servers"] = world.describe()
        show_rows(
            "measured on",
            {name: {"": value} for name, value in {**found["machine"], **found["servers"]}.items()},
        )
        target = arguments.output or RESULTS
        earlier = json.loads(target.read_text()) if target.exists() else None
        for part in parts:
            found[part] = MEASURES[part](world, level, arguments, found)
            found["ratios"] = ratios(found)
            keep(target, level.parts, earlier, found)
    show_rows("ratios", {name: {"": value} for name, value in found["ratios"].items()})
    print(f"kept in {target}")


def _client(_: World, level: Level, arguments: argparse.Namespace, __: dict[str, Any]) -> Any:
    return {"rows": client(level.commands // 2, [tree.resolve() for tree in arguments.beside])}


def _compare(world: World, level: Level, arguments: argparse.Namespace, _: dict[str, Any]) -> Any:
    return compare(world, base(level.commands), level.rounds, arguments.beside)


def _vary(world: World, level: Level, _: argparse.Namespace, found: dict[str, Any]) -> Any:
    """Once each, after the base: there are many, and the main ratios are not taken from them."""
    usual = found.get("compare") or vary(world, base(level.commands), 1)
    varied = [vary(world, scenario, 1) for scenario in variations(level.commands)]
    return [among_variations(usual), *varied]


def _latency(world: World, level: Level, _: argparse.Namespace, __: dict[str, Any]) -> Any:
    """Each at shares of the capacity that the service has while every commit is synced."""
    rounds = 1 if level.name == "quick" else level.rounds
    synced = replace(base(level.commands), name="capacity, every commit synced", synced=True)
    capacity = vary(world, synced, rounds)["medians"]["service"]["per_second"]
    loads = {
        f"service, {share:.0%} of capacity": under_load(world, share, capacity, level.load_seconds)
        for share in level.shares
    }
    singles = [one_at_a_time(world, level.singles) for _ in range(rounds)]
    kinds = ("ratio", "plain_ratio")
    medians = {kind: statistics.median(one[kind] for one in singles) for kind in kinds}
    rows = {**singles[-1]["rows"], **loads}
    show_rows(f"latency; capacity {capacity:,.0f} commands/s", rows)
    return {"capacity": capacity, "rows": rows, **medians}


def _partitions(world: World, level: Level, arguments: argparse.Namespace, _: dict[str, Any]) -> Any:
    """Whether the cost follows the load and not the number of partitions."""
    rows = {}
    for rate in RATES:
        for partitions in PARTITION_COUNTS:
            for tree in (None, *arguments.beside):
                name = f"{partitions} partitions, {rate:,} commands/s{f', {tree.name}' if tree else ''}"
                rows[name] = at_rate(world, rate, level.load_seconds, partitions, Service(tree))
                show_rows(name, {name: rows[name]})
    # The same transactions without the service's work, and the service's work without waiting for the disk.
    fewest, rate = PARTITION_COUNTS[0], RATES[-1]
    for what, service, synced in (("plain loop", Plain(), True), ("not synced", Service(), False)):
        name = f"{fewest} partitions, {rate:,} commands/s, {what}"
        rows[name] = at_rate(world, rate, level.load_seconds, fewest, service, synced=synced)
    show_rows("partitions", rows)
    return {"rows": rows}


def _drivers(world: World, level: Level, _: argparse.Namespace, __: dict[str, Any]) -> Any:
    """At full speed and one command alone, with each driver of MongoDB."""
    other = Service(driver="pymongo")
    raced = services(world, base(level.commands), DRIVER_ROUNDS, [other])
    rows = side_by_side(world, [Service(), other], level.singles, level.rounds)
    show_rows("one command alone", rows)
    return {**raced, "rows": rows}


def _usage(world: World, level: Level, _: argparse.Namespace, __: dict[str, Any]) -> Any:
    """Reports of usage beside updates, in turn: four of five commands are the one or the other."""
    updates = base(level.commands)
    reports = replace(updates, name="reports of usage", shape=replace(updates.shape, usage=True))
    speeds: dict[str, list[float]] = {updates.name: [], reports.name: []}
    for _round in range(level.rounds):
        for scenario in (updates, reports):
            measured = services(world, scenario, 1, [])
            speeds[scenario.name].append(measured["medians"]["service"]["per_second"])
    rows = {name: {"per_second": statistics.median(found)} for name, found in speeds.items()}
    show_rows("usage", rows)
    return {"rows": rows, "ratio": rows[reports.name]["per_second"] / rows[updates.name]["per_second"]}


def _states(world: World, level: Level, _: argparse.Namespace, __: dict[str, Any]) -> Any:
    """At full speed, and without the topic of states."""
    return services(world, base(level.commands), DRIVER_ROUNDS, [Service(states=False)])


def _traces(world: World, level: Level, arguments: argparse.Namespace, _: dict[str, Any]) -> Any:
    """At full speed, off and with shares of the commands traced."""
    return traces(world, base(level.commands), DRIVER_ROUNDS, arguments.beside)


def _takeover(world: World, level: Level, _: argparse.Namespace, __: dict[str, Any]) -> Any:
    rows = {f"48 partitions, round {number + 1}": takeover(world) for number in range(level.rounds)}
    show_rows("takeover from a killed worker", rows)
    return {"rows": rows}


def _reads(world: World, level: Level, _: argparse.Namespace, __: dict[str, Any]) -> Any:
    return over_http(world, base(level.commands), level.rounds, level.load_seconds)


def _scale(world: World, level: Level, _: argparse.Namespace, __: dict[str, Any]) -> Any:
    scaled = sizes(world, level.commands, level.rounds)
    show_rows("stored contracts", scaled["rows"])
    started = starts(world, WAITING)
    show_rows(
        f"start and resume, {WAITING:,} commands",
        {name: {"seconds": value} for name, value in started.items()},
    )
    return {**scaled, "starts": started}


MEASURES: Final = {
    "client": _client,
    "compare": _compare,
    "vary": _vary,
    "latency": _latency,
    "partitions": _partitions,
    "drivers": _drivers,
    "usage": _usage,
    "states": _states,
    "traces": _traces,
    "takeover": _takeover,
    "reads": _reads,
    "scale": _scale,
}


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    """Where the servers keep their data: some gigabytes."""
    with tempfile.TemporaryDirectory(prefix="benchmarks-", dir=given) as folder:
        yield Path(folder)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    levels = parser.add_mutually_exclusive_group()
    for name, what in (
        ("quick", "the main ratios, in a few minutes"),
        ("full", "everything, a million contracts too: about an hour"),
    ):
        levels.add_argument(f"--{name}", dest="level", action="store_const", const=name, help=what)
    parser.add_argument("--only", type=lambda text: text.split(","), help=f"some of {','.join(PARTS)}")
    parser.add_argument(
        "--beside",
        type=Path,
        action="append",
        default=[],
        metavar="TREE",
        help="another checkout of the service",
    )
    parser.add_argument("--data", type=Path, help="folder for the servers' data (default: the system's)")
    parser.add_argument("--output", type=Path, help="JSON file of the results")
    parser.set_defaults(level="usual")
    return parser


if __name__ == "__main__":
    main()

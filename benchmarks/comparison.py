"""The service beside its peers and the floors, and how each bears other logs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from benchmarks import race
from benchmarks.contenders.connect import ConnectSink
from benchmarks.contenders.faststream import FastStreamBatch, FastStreamSingle
from benchmarks.contenders.floors import Reading, Writing
from benchmarks.contenders.service import Service
from benchmarks.log import Shape
from benchmarks.race import Scenario
from benchmarks.report import show_medians, tell

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.contenders.base import Contender
    from benchmarks.race import Measured
    from benchmarks.world import World

ZIPF: Final = 1.1
KIB: Final = 1024
USUAL_SCENARIO: Final = "4 partitions, 1 process"
"""What the base is called among its variations."""


def base(commands: int) -> Scenario:
    """The log that everything is compared on: five commands to an account."""
    return Scenario("base", Shape(commands, commands // 5))


def variations(commands: int) -> list[Scenario]:
    """The base in one respect otherwise. The larger the updates, the fewer of them."""
    usual = base(commands)

    def shaped(name: str, **changes: Any) -> Scenario:
        return replace(usual, name=name, shape=replace(usual.shape, **changes))

    return [
        shaped(f"accounts by Zipf's law, {ZIPF}", skew=ZIPF),
        replace(usual, name="1 partition", partitions=1),
        replace(usual, name="12 partitions", partitions=12),
        replace(usual, name="2 processes", processes=2),
        replace(usual, name="12 partitions, 2 processes", partitions=12, processes=2),
        replace(usual, name="48 partitions, 2 processes", partitions=48, processes=2),
        shaped("updates of 1 KiB", update_bytes=KIB),
        shaped(
            "updates of 10 KiB", update_bytes=10 * KIB - 300, commands=commands // 5, accounts=commands // 25
        ),
        replace(usual, name="every commit synced to disk", synced=True),
    ]


def compare(world: World, scenario: Scenario, rounds: int, others: Sequence[Path]) -> dict[str, Any]:
    """All contenders on the base; `others` are checkouts of the service to compare with."""
    recorded = world.folder / "writes.bson"
    race.record(world, scenario, recorded)
    contenders: list[Contender] = [
        Service(),
        *map(Service, others),
        ConnectSink(),
        FastStreamBatch(),
        FastStreamSingle(),
        Reading(),
        Writing(recorded),
    ]
    return _raced(world, contenders, scenario, rounds)


def services(world: World, scenario: Scenario, rounds: int, others: Sequence[Service]) -> dict[str, Any]:
    """The service beside itself with other settings."""
    return _raced(world, [Service(), *others], scenario, rounds)


def among_variations(compared: dict[str, Any]) -> dict[str, Any]:
    """The base as the first of its variations, with their contenders."""
    peers = (Service.name, ConnectSink.name, FastStreamBatch.name)
    medians = {name: compared["medians"][name] for name in peers}
    return {**compared, "scenario": USUAL_SCENARIO, "medians": medians}


def vary(world: World, scenario: Scenario, rounds: int) -> dict[str, Any]:
    """The service and the two peers that come near it, on another log."""
    contenders: list[Contender] = [Service()]
    if not scenario.synced:  # see World.run: the peers would pay what MongoDB does not ask for
        contenders += [ConnectSink(), FastStreamBatch()]
    return _raced(world, contenders, scenario, rounds)


def _raced(world: World, contenders: Sequence[Contender], scenario: Scenario, rounds: int) -> dict[str, Any]:
    print(f"\n{scenario.name}: {scenario.shape.commands:,} commands, {scenario.shape.accounts:,} accounts")
    results = race.race(world, contenders, scenario, rounds, tell)
    medians = race.medians(results)
    show_medians(scenario.name, medians, {contender.name: contender.title for contender in contenders})
    return {
        "scenario": scenario.name,
        "commands": scenario.shape.commands,
        "accounts": scenario.shape.accounts,
        "skew": scenario.shape.skew,
        "update_bytes": scenario.shape.update_bytes,
        "partitions": scenario.partitions,
        "processes": scenario.processes,
        "synced": scenario.synced,
        "rounds": rounds,
        "medians": medians,
        "runs": {contender.name: _speeds(results, contender.name) for contender in contenders},
        "ratios": {
            contender.name: race.ratio(results, Service.name, contender.name) for contender in contenders[1:]
        },
        "does": {contender.name: contender.does for contender in contenders},
        "titles": {contender.name: contender.title for contender in contenders},
    }


def _speeds(results: Sequence[Sequence[Measured]], name: str) -> list[float]:
    return [row.per_second for one in results for row in one if row.contender == name]

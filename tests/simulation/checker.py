"""What must hold, on the way and at the end."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import orjson

from consumer.engine.records import FORWARDED_FROM
from consumer.storage.chain import new_chain
from schemas.topics import EVENT_TOPICS
from tests.simulation.broker import JOURNAL
from tests.simulation.oracle import expected
from tests.unit.engine.logs import TOPIC
from tests.unit.engine.oracle import by_topic, read

if TYPE_CHECKING:
    from consumer.kafka.recordbatches import Output
    from tests.simulation.log import Log
    from tests.simulation.world import World
    from tests.unit.engine.oracle import Expected


class Violation(AssertionError):
    """A promise that was not kept."""


class Progress:
    """C of each partition, as the journal's markers make it visible. It never goes back."""

    def __init__(self) -> None:
        self.reached: dict[int, int] = {}

    def committed(self, log: Log, entries: list[Any]) -> None:
        """Told of what became visible in a log."""
        if log.topic != JOURNAL:
            return
        for record in entries:
            ((_, fields),) = orjson.loads(record.value or b'{"": {}}').items()
            if "next" in fields:
                self._reach(log.partition, fields["next"])

    def _reach(self, partition: int, offset: int) -> None:
        before = self.reached.get(partition, 0)
        if offset < before:
            raise Violation(f"partition {partition} was published up to {before}, and then up to {offset}")
        self.reached[partition] = offset


def finished(world: World) -> bool:
    """Whether all commands are applied and published."""
    for number in range(world.chaos.sizes.partitions):
        log = world.broker.log(TOPIC, number)
        position = world.database.positions_by_name.get(f"{TOPIC}/{number}")
        if log.open or position is None:
            return False
        last = max((record.offset for record in log.visible()), default=-1)
        if position.next <= last or world.progress.reached.get(number) != position.next:
            return False
    return True


def check_errors(world: World) -> None:
    """No partition may ever have stood still."""
    for process in world.group.processes:
        if process.worker is not None:
            for partition in process.worker.partitions.values():
                if partition.error is not None:
                    raise Violation(f"{process.name} stopped partition {partition.number}: {partition.error}")


def check(world: World) -> None:
    """Exactly the pure fold, everything published exactly once and in order."""
    count = world.chaos.sizes.partitions
    wanted = [expected(world.broker.log(TOPIC, n).visible(), n, world.decoder) for n in range(count)]
    _check_outputs(world, [output for one in wanted for output in one.outputs])
    for number, one in enumerate(wanted):
        _check_partition(world, number, one)
    _same("contracts", world.database.contracts, _union(one.contracts for one in wanted))
    _same("history", world.database.history, _union(one.history for one in wanted))
    former = [contract for one in wanted for contract in one.former]
    _same("former contracts", _by_id(world.database.former), _by_id(former))


def _check_partition(world: World, number: int, wanted: Expected) -> None:
    forwards = {place[1]: outputs for place, outputs in by_topic(wanted.outputs).items() if place[0] == TOPIC}
    for home in range(world.chaos.sizes.partitions):
        there = _forwarded(world.broker.log(TOPIC, home), number)
        wanted_there = [(one.key, one.value, tuple(one.headers)) for one in forwards.get(home, [])]
        _same_order(f"forwards from {number} to {home}", there, wanted_there)
    position = world.database.positions_by_name[f"{TOPIC}/{number}"]
    _same(f"tallies of {number}", _counted(position.tallies), _counted(wanted.tallies))
    _same(f"chain of {number}", (position.chain or new_chain(0))[1:], wanted.chain[1:])
    movements = {
        (place, kind): tuple(moved)
        for (partition, place), kinds in world.database.movements.items()
        for kind, moved in kinds.items()
        if partition == f"{TOPIC}/{number}"
    }
    _same(f"movements of {number}", movements, wanted.movements)


def _check_outputs(world: World, wanted: list[Output]) -> None:
    """Those of each input partition in their order; in an output partition they may lie among others'."""
    # A dead letter has its sender's id, which may be there twice; its partition is that of its record.
    source = {(one.topic, _id(one)): one.partition for one in wanted if one.topic in EVENT_TOPICS}
    lanes: dict[Any, tuple[list[Output], list[Output]]] = defaultdict(lambda: ([], []))
    for one in wanted:
        if one.topic != TOPIC:
            count = world.chaos.sizes.outputs if one.topic in EVENT_TOPICS else world.chaos.sizes.partitions
            lanes[one.topic, one.partition][1].append(one._replace(partition=one.partition % count))
    for log in world.broker.logs.values():
        if log.topic not in (TOPIC, JOURNAL):
            for one in read(log.visible()):
                alike = one.topic not in EVENT_TOPICS
                number = one.partition if alike else source.get((one.topic, _id(one)))
                lanes[one.topic, number][0].append(one)
    for (topic, number), (there, expected_) in lanes.items():
        _same_order(f"{topic} of {number}", there, expected_)


def _forwarded(log: Log, source: int) -> list[Any]:
    """What came here from another partition."""
    start = f"{TOPIC}/{source}/".encode()
    return [
        (record.key, record.value, tuple(record.headers))
        for record in log.visible()
        if (dict(record.headers).get(FORWARDED_FROM) or b"").startswith(start)
    ]


def _union(parts: Any) -> dict[Any, Any]:
    return {key: value for part in parts for key, value in part.items()}


def _by_id(contracts: list[Any]) -> dict[Any, Any]:
    return {contract["_id"]: contract for contract in contracts}


def _counted(tallies: Any) -> dict[str, Any]:
    return {label: count for label, count in tallies.items() if count}


def _same(what: str, found: dict[Any, Any], wanted: dict[Any, Any]) -> None:
    if found != wanted:
        differing = [key for key in {**found, **wanted} if found.get(key) != wanted.get(key)]
        raise Violation(f"{what} differ in {differing[:3]}")


def _same_order(what: str, found: list[Output], wanted: list[Output]) -> None:
    if found == wanted:
        return
    counts: dict[Any, int] = defaultdict(int)
    for one in found:
        counts[_id(one)] += 1
    twice = [key for key, count in counts.items() if count > 1]
    lost = [_id(one) for one in wanted if _id(one) not in counts]
    how = f"twice {twice[:2]}" if twice else f"lost {lost[:2]}" if lost else "another order or content"
    raise Violation(f"{what}: {len(found)} records for {len(wanted)}: {how}")


def _id(one: Any) -> Any:
    """What tells records apart: the event's id, or the whole."""
    headers = one[-2] if len(one) > 3 else one[-1]
    return dict(headers).get("ce_id") or (one[0], tuple(headers))

"""Every stop there is: what brings it about, and the decision that goes on from there."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from consumer import errors
from consumer.engine import checks
from consumer.errors import ContractsError
from consumer.kafka import journal
from consumer.kafka.fetcher import Bounds
from consumer.operator import position_table
from consumer.operator.decisions import Decision
from tests.simulation.broker import JOURNAL
from tests.simulation.calls import Caller
from tests.simulation.group import make_worker
from tests.unit.engine.logs import TOPIC, Record, update
from tests.unit.engine.scene import END, ORIGIN, PLACE, Scene

Patch = pytest.MonkeyPatch


def set_position(**changes: Any) -> Callable[[Scene, Patch], None]:
    return lambda scene, _: scene.set_position(**changes)


def origin(**changes: Any) -> Callable[[Scene, Patch], None]:
    def arrange(scene: Scene, _: Patch) -> None:
        scene.origin = replace(ORIGIN, **changes)

    return arrange


def bounds(start: int, end: int) -> Callable[[Scene, Patch], None]:
    """As if the log had these bounds."""

    def arrange(scene: Scene, patch: Patch) -> None:
        found = scene.world.broker.bounds

        def bounded(topic: str, partition: int) -> Bounds:
            return Bounds(start, end, end) if topic == TOPIC else found(topic, partition)

        patch.setattr(scene.world.broker, "bounds", bounded)

    return arrange


def no_journal(scene: Scene, _: Patch) -> None:
    scene.world.broker.log(JOURNAL, 0).entries.clear()


def stranger_in_journal(scene: Scene, _: Patch) -> None:
    log = scene.world.broker.log(JOURNAL, 0)
    log.append(Record(JOURNAL, 0, log.end, 0, b"hello", b"{}", ()))


def no_position(scene: Scene, _: Patch) -> None:
    scene.store.positions_by_name.clear()


def another_record(scene: Scene, _: Patch) -> None:
    scene.log.entries[END - 1] = (update(END - 1, notes="another value"), None)


async def progress_beyond(scene: Scene, _: Patch) -> None:
    await scene.tell(END + 1)


async def hole(scene: Scene, _: Patch) -> None:
    await scene.forget_published(0)


def reread_soon(patch: Patch) -> None:
    for module in (checks, journal):
        patch.setattr(module, "REREAD_SECONDS", 0.05)
        patch.setattr(module, "DAMAGE_PAUSE_SECONDS", 0.01)


def damaged_last_record(scene: Scene, patch: Patch) -> None:
    """The record before the position."""
    reread_soon(patch)
    scene.log.damaged.add(END - 1)


def damaged_journal(scene: Scene, patch: Patch) -> None:
    """A record behind the last progress."""
    reread_soon(patch)
    log = scene.world.broker.log(JOURNAL, 0)
    log.damaged.add(log.end)
    stranger_in_journal(scene, patch)


def open_transaction(scene: Scene, patch: Patch) -> None:
    """Of a stranger, in the command topic, who stays."""
    patch.setattr(position_table, "SHOW_AFTER_SECONDS", 0.01)
    bounded = scene.world.broker.bounds

    def hidden(topic: str, partition: int) -> Bounds:
        found = bounded(topic, partition)
        return found._replace(end=found.end + 1) if (topic, partition) == (TOPIC, 0) else found

    patch.setattr(scene.world.broker, "bounds", hidden)


def noted(error: ContractsError) -> Callable[[Scene, Patch], Awaitable[None]]:
    """Found at work by a worker, which goes on with its other partitions."""

    async def arrange(scene: Scene, _: Patch) -> None:
        worker = make_worker(Caller(scene.world, "worker"), [0], "worker")
        await worker._reading.start()
        await worker._take_over("assigned")
        await worker._pipeline._storing.stop(worker.partitions[0], error)

    return arrange


def garbled_position(scene: Scene, patch: Patch) -> None:
    """The document of partition 0, as MongoStore tells it."""
    ask = scene.store.positions

    async def positions(names: Any) -> Any:
        if PLACE in names:
            raise errors.ForeignDocument("positions", [(PLACE, "next is of another kind")])
        return await ask(names)

    patch.setattr(scene.store, "positions", positions)


class Stopping(NamedTuple):
    """`decision` None: no decision goes on from here. `at_takeover`: a takeover meets it, too."""

    arrange: Callable[[Scene, Patch], Any]
    decision: Decision | None
    at_takeover: bool = True


STOPS: dict[type[ContractsError], Stopping] = {
    errors.JournalMissing: Stopping(no_journal, Decision.TO_DATABASE),
    errors.UpgradeNeeded: Stopping(set_position(has_journal=False), Decision.FROM_GROUP_OFFSET),
    errors.JournalForeign: Stopping(stranger_in_journal, Decision.TO_DATABASE),
    errors.JournalDamaged: Stopping(damaged_journal, Decision.TO_DATABASE),
    errors.GenerationChanged: Stopping(set_position(generation=2), Decision.TO_DATABASE),
    errors.PositionMissing: Stopping(no_position, Decision.REBUILD),
    errors.ClusterChanged: Stopping(origin(cluster="another"), Decision.ACCEPT_CLUSTER),
    errors.GroupChanged: Stopping(origin(group="another"), Decision.ACCEPT_GROUP),
    errors.TopicRecreated: Stopping(another_record, Decision.NEW_GENERATION),
    errors.PartitionCountChanged: Stopping(
        set_position(origin=replace(ORIGIN, partitions=1)), Decision.ACCEPT_PARTITION_COUNT
    ),
    errors.PartitionerChanged: Stopping(origin(partitioner="crc32"), Decision.ACCEPT_PARTITION_COUNT),
    errors.PositionBeforeLog: Stopping(bounds(END + 1, END + 9), Decision.TO_LOG_START),
    errors.PositionBeyondLog: Stopping(bounds(0, END - 1), Decision.TO_LOG_END),
    errors.ProgressBeyondLog: Stopping(progress_beyond, Decision.TO_DATABASE),
    errors.LogDamaged: Stopping(damaged_last_record, Decision.PAST_DAMAGE),
    errors.OutboxHole: Stopping(hole, Decision.TO_DATABASE),
    errors.TornDatabase: Stopping(
        noted(errors.TornDatabase(TOPIC, 0, what="acme is at 9", position=END)),
        Decision.REBUILD,
        at_takeover=False,
    ),
    errors.DeadLetterLimit: Stopping(
        noted(errors.DeadLetterLimit(TOPIC, 0, dead=9, window=10)), None, at_takeover=False
    ),
    errors.ForeignDocument: Stopping(garbled_position, None, at_takeover=False),
    errors.ForeignTransaction: Stopping(open_transaction, None, at_takeover=False),
}

PASSING: dict[type[ContractsError], str] = {
    errors.BrokerUnavailable: "show says itself that the broker is away",
    errors.BrokerDenied: "show is refused, too",
    errors.PublisherFenced: "taken over again",
    errors.PublishInDoubt: "taken over again",
    errors.PublishRefused: "left out of takeovers, until the topic takes it",
    errors.OutOfLog: "taken over again, which finds the reason: one of the stops",
    errors.RecordDamaged: "tried again; becomes LogDamaged or JournalDamaged",
    errors.PartitionMissing: "show ends with it, or with TopicsMissing: `contracts topics ensure`",
}
"""What hinders a partition without stopping it for good, and why no row of the table shows it."""

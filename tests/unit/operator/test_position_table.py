"""Every stop there is: what brings it about, what `positions show` says of it, and what is allowed then.

The table is total: an error that can stop a partition and has no row here fails a test.
"""

from dataclasses import replace
from typing import Any

import pytest

from consumer import errors
from consumer.errors import ContractsError, InputRefused, PositionError
from consumer.kafka.fetcher import Bounds
from consumer.operator import position_table
from consumer.operator.choices import Decision
from consumer.operator.decisions import chosen, refuse_other_decisions
from consumer.operator.position_table import END_TRANSACTION, START_BROKERS, PositionTable, Row
from consumer.storage.protocols import Position
from tests.simulation.calls import Caller
from tests.simulation.clients import JOURNAL, SimulatedFetcher, SimulatedJournal
from tests.simulation.strangers import Stranger
from tests.unit.engine.logs import TOPIC
from tests.unit.engine.scene import END, ORIGIN, Scene, scene
from tests.unit.operator.stops import PASSING, STOPS, Patch, garbled_position

__all__ = ["scene"]


async def shown(scene: Scene) -> list[Row]:
    """What an operator is told."""
    operator = Caller(scene.world, "operator")
    log = SimulatedFetcher(operator, TOPIC)
    await log.start()
    journal = SimulatedJournal(operator)
    return await PositionTable(scene.store, log, journal, topic=TOPIC, origin=scene.origin).show()


def kinds(of: type[ContractsError]) -> set[type[ContractsError]]:
    return set(of.__subclasses__()).union(*(kinds(each) for each in of.__subclasses__()))


def test_every_stop_and_every_hindrance_has_a_row() -> None:
    assert kinds(PositionError) <= STOPS.keys()
    assert kinds(errors.LogError) <= STOPS.keys() | PASSING.keys()


@pytest.mark.parametrize("kind", STOPS, ids=lambda kind: kind.__name__)
async def test_what_is_shown_is_what_stops(scene: Scene, monkeypatch: Patch, kind: type) -> None:
    stopping = STOPS[kind]
    if (waiting := stopping.arrange(scene, monkeypatch)) is not None:
        await waiting
    row = (await shown(scene))[0]
    assert row.problem
    assert row.decision == (None if stopping.decision is None else f"--{stopping.decision}")
    if stopping.at_takeover:
        error = await scene.stops(kind)
        assert (row.problem, row.decision) == (str(error), error.decision)
        assert row.decision in error.hint


@pytest.mark.parametrize("kind", STOPS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("decision", Decision)
def test_no_other_decision_is_carried_out(kind: type, decision: Decision) -> None:
    named = STOPS[kind].decision
    row = Row(0, 4, 4, 0, 9, 1, "a problem", None if named is None else f"--{named}")
    if decision is named:
        refuse_other_decisions(decision, [row])
        return
    with pytest.raises(
        InputRefused, match=f"asks for --{named}" if named else "has a problem that no decision solves"
    ):
        refuse_other_decisions(decision, [row])


async def test_a_garbled_position_does_not_hide_the_others(scene: Scene, monkeypatch: Patch) -> None:
    """Nor what they ask for."""
    other = f"{TOPIC}/1"
    scene.store.positions_by_name[other] = Position(other, replace(ORIGIN, cluster="another"), next=0)
    garbled_position(scene, monkeypatch)
    rows = await shown(scene)
    assert "next is of another kind" in (rows[0].problem or "")
    assert [row.decision for row in rows] == [None, "--accept-cluster"]
    assert chosen(Decision.ACCEPT_CLUSTER, rows, None, TOPIC) == [1]


@pytest.mark.parametrize("topic", [TOPIC, JOURNAL])
async def test_a_partition_without_a_leader_does_not_hide_the_others(scene: Scene, topic: str) -> None:
    other = f"{TOPIC}/1"
    scene.store.positions_by_name[other] = Position(other, replace(ORIGIN, cluster="another"), next=7)
    both = await shown(scene)
    scene.world.broker.leaderless.add((topic, 1))
    rows = await shown(scene)
    assert rows[0] == both[0]
    assert rows[1] == Row(1, 7, None, None, None, 1, f"{topic}/1 has no leader", remedy=START_BROKERS)
    assert rows[1].lag() is None
    with pytest.raises(InputRefused, match=r"partition 1 cannot be read: .* has no leader"):
        chosen(Decision.ACCEPT_CLUSTER, rows, [1], TOPIC)
    assert chosen(Decision.TO_DATABASE, rows, [0], TOPIC) == [0]


async def test_progress_that_a_stranger_hides_proves_nothing(scene: Scene, monkeypatch: Patch) -> None:
    """What was published behind the open transaction looks unpublished, and no longer stored."""
    monkeypatch.setattr(position_table, "SHOW_AFTER_SECONDS", 0.01)
    await scene.forget_published(1)
    assert (await shown(scene))[0].decision == "--to-database"
    stranger = Stranger(scene.world.broker, 0)
    await scene.tell(END)
    row = (await shown(scene))[0]
    assert f"{JOURNAL}/0: a producer's open transaction" in (row.problem or "")
    assert (row.position, row.published, row.decision, row.remedy) == (END, None, None, END_TRANSACTION)
    stranger.end()
    row = (await shown(scene))[0]
    assert (row.problem, row.remedy) == (None, None)


async def test_the_open_transaction_of_a_worker_is_no_stranger_s(scene: Scene, monkeypatch: Patch) -> None:
    """A decision ends it, and so does the next takeover."""
    monkeypatch.setattr(position_table, "SHOW_AFTER_SECONDS", 0.01)
    await scene.forget_published(1)
    before = await shown(scene)
    await scene.open_claim("rival")
    assert await shown(scene) == before
    assert before[0].decision == "--to-database"


async def test_a_hidden_journal_cannot_be_decided_about(scene: Scene, monkeypatch: Patch) -> None:
    monkeypatch.setattr(position_table, "SHOW_AFTER_SECONDS", 0.01)
    Stranger(scene.world.broker, 0)
    with pytest.raises(InputRefused, match=r"partition 0 cannot be read: .* open transaction") as refused:
        chosen(Decision.TO_DATABASE, await shown(scene), [0], TOPIC)
    assert refused.value.hint.startswith(END_TRANSACTION)


async def test_garbled_outputs_are_shown(scene: Scene, monkeypatch: Patch) -> None:
    await scene.forget_published(0)

    async def outbox(names: Any) -> Any:
        raise errors.ForeignDocument("positions", [(name, "outbox is of another kind") for name in names])

    monkeypatch.setattr(scene.store, "outbox", outbox)
    rows = await shown(scene)
    assert [row.problem is None for row in rows] == [False, True]
    assert "outbox is of another kind" in (rows[0].problem or "")


async def test_a_transaction_that_ends_is_no_stop(scene: Scene, monkeypatch: Patch) -> None:
    monkeypatch.setattr(position_table, "SHOW_AFTER_SECONDS", 0.01)
    ends = iter([END + 1])
    bounded = scene.world.broker.bounds

    def hidden(topic: str, partition: int) -> Bounds:
        found = bounded(topic, partition)
        return found._replace(end=next(ends, found.end)) if (topic, partition) == (TOPIC, 0) else found

    monkeypatch.setattr(scene.world.broker, "bounds", hidden)
    rows = await shown(scene)
    assert [row.problem for row in rows] == [None, None]


async def test_where_nothing_is_wrong_nothing_is_shown(scene: Scene) -> None:
    rows = await shown(scene)
    assert [(row.problem, row.decision) for row in rows] == [(None, None)] * 2
    assert (rows[0].position, rows[0].published, rows[0].log_end) == (END, END, END)

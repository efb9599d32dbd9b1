"""A few rounds on three brokers, and that the hurt one is the one that was asked for."""

from collections.abc import Iterator

import pytest

from tests.servers import MONGO_KIND, REAL_REQUIRED, missing_for
from tests.system.chaos.__main__ import play
from tests.system.chaos.arena import Arena
from tests.system.chaos.schedule import BROKER, ROLES, ROLL, draw
from tests.system.faults.workers import until

# Several minutes on a usual machine, and there are machines that take four times as long.
pytestmark = [pytest.mark.fault, pytest.mark.timeout(1200)]

SEED = 7
FIRST = 4
ROUNDS = 3
"""A leader's replies swallowed, a leader of the journal killed, a transaction coordinator frozen."""


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    missing = missing_for("apache")
    if missing and not REAL_REQUIRED:
        pytest.skip(f"Apache Kafka not tested: {missing}")
    arena = Arena(tmp_path_factory.mktemp("chaos"), MONGO_KIND, brokers=3)
    yield arena
    arena.close()


def test_nothing_is_lost_doubled_reordered_or_diverged(
    arena: Arena, capsys: pytest.CaptureFixture[str]
) -> None:
    tally = play(arena, SEED, first=FIRST, rounds=ROUNDS)
    told = capsys.readouterr().out
    assert not tally.failed, told
    assert told.splitlines()[-1] == f"rounds={ROUNDS} lost=0 duplicated=0 reordered=0 diverged=0"


def test_another_broker_has_the_role_once_the_first_is_gone(arena: Arena) -> None:
    """After the rounds above."""
    target = "leader of the journal/2"
    before = arena.brokers.who(target, arena.scene)
    kill, start = arena.brokers.acts("kill", target, arena.scene)
    kill()
    try:
        assert [node for node in arena.brokers.nodes if not node.running] == [before]
        until(lambda: arena.brokers.who(target, arena.scene) is not before, "another leads")
    finally:
        start()
    assert before.running


def test_a_round_hurts_one_broker_at_most_and_every_role_has_its_turn() -> None:
    rounds = [draw(7, number, brokers=3) for number in range(1, 401)]
    hurt = [
        [(fault.what, fault.target.partition("/")[0]) for fault in round_.faults if fault.is_of_a_broker]
        for round_ in rounds
    ]
    assert max(map(len, hurt)) == 1
    expected = {(what, role) for what in BROKER.keys() - {ROLL} for role in ROLES} | {(ROLL, "brokers")}
    assert {one for each in hurt for one in each} == expected
    assert not any(fault.target == "kafka" for round_ in rounds for fault in round_.faults)

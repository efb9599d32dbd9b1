"""A short run of the rounds, and that they bite."""

from collections.abc import Iterator

import pytest

from tests.servers import MONGO_KIND, REAL_REQUIRED, missing_for
from tests.system.chaos.__main__ import play
from tests.system.chaos.arena import Arena
from tests.system.chaos.schedule import (
    JOURNAL,
    JUMPS,
    LINK,
    LINKS,
    OUTPUTS,
    PARTITIONS,
    REFUSE,
    SERVERS,
    STRANGER,
    WORKER,
    draw,
)

# Several minutes on a usual machine, and there are machines that take four times as long.
pytestmark = [pytest.mark.fault, pytest.mark.timeout(1200)]

SEED = 1
ROUNDS = 15


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    missing = missing_for("apache")
    if missing and not REAL_REQUIRED:
        pytest.skip(f"Apache Kafka not tested: {missing}")
    arena = Arena(tmp_path_factory.mktemp("chaos"), MONGO_KIND)
    yield arena
    arena.close()


def test_nothing_is_lost_doubled_reordered_or_diverged(
    arena: Arena, capsys: pytest.CaptureFixture[str]
) -> None:
    tally = play(arena, SEED, first=1, rounds=ROUNDS)
    told = capsys.readouterr().out
    assert not tally.failed, told
    assert told.splitlines()[-1] == f"rounds={ROUNDS} lost=0 duplicated=0 reordered=0 diverged=0"


def test_what_a_round_left_out_is_found(arena: Arena) -> None:
    """After the rounds above."""
    checker = arena.scene.checker
    event = next(record for record in checker.found if record.topic.endswith("contracts.changed"))
    checker.found.remove(event)
    try:
        verdict = arena.check()
    finally:
        checker.found.append(event)
    assert verdict.counts["lost"] == 1, str(verdict)
    assert verdict.first["lost"].expected.id == event.header("ce_id")


def test_a_bug_is_found_and_the_round_can_be_asked_for_again(
    arena: Arena, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAULTS_PLANTED", "progress_without_outputs")
    tally = play(arena, SEED, first=12, rounds=1)
    told = capsys.readouterr().out
    assert tally.failed == [12]
    assert tally.found["lost"]
    assert "FAILED: 12. Again: make chaos SEED=1 FIRST=12 ROUNDS=1" in told
    assert str(draw(SEED, 12)) in told


def test_a_seed_draws_the_same_again_and_every_kind() -> None:
    rounds = [draw(7, number) for number in range(1, 201)]
    assert rounds == [draw(7, number) for number in range(1, 201)]
    assert draw(8, 1) != draw(7, 1)
    drawn = {(fault.target, fault.what) for round_ in rounds for fault in round_.faults}
    workers = {(f"worker {slot}", what) for slot in "AB" for what in WORKER.keys() - {"clock"} | JUMPS.keys()}
    links = {(link, what) for link in LINKS for what in LINK}
    servers = {(server, what) for server, kinds in SERVERS.items() for what in kinds}
    journal = {(f"{JOURNAL}/{number}", STRANGER) for number in range(PARTITIONS)}
    outputs = {(f"outputs/{topic}", REFUSE) for topic in OUTPUTS}
    assert drawn == workers | links | servers | journal | outputs | {("worker C", "join")}

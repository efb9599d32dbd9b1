"""Workers joining and leaving in order: partitions change hands while commands flow."""

import pytest

from tests.system.faults.scene import Scene
from tests.system.faults.workers import until

pytestmark = pytest.mark.fault


SMALL = {"CONTRACTS_MAX_BATCH_COMMANDS": "20"}
"""So that there is a backlog, and something under way, whenever a partition changes hands."""


def test_two_workers_joining_and_leaving(scene: Scene) -> None:
    stays = scene.start(**SMALL)
    stays.wait_for("took over")
    with scene.flowing(300):
        for _ in range(2):
            joins = scene.start(**SMALL)
            joins.wait_for("listening")
            scene.publish(1_000)
            joins.wait_for("took over")
            stays.stop()
            stays = joins
    scene.done()
    stays.stop()


def test_the_last_worker_leaves_nothing_under_way(scene: Scene) -> None:
    """After SIGTERM everything that was applied is published: nothing to resume."""
    scene.publish(5_000)
    worker = scene.start(FAULTS_STOP_AT="stored:9:STOP", **SMALL)
    until(lambda: worker.paused, "it has just stored a batch")
    worker.ask_to_stop()
    worker.resume()
    assert worker.wait_ended() == 0
    positions = scene.checker.watched.positions()
    assert positions == scene.checker.watched.published()
    scene.checker.read_log()
    assert sum(positions.values()) < sum(last.offset for last in scene.checker.model.last.values())
    scene.start()
    scene.done()

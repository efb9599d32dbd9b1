"""Workers joining and leaving in order: partitions change hands while commands flow."""

import pytest

from tests.faults.scene import Scene

pytestmark = pytest.mark.fault


@pytest.mark.timeout(180)
def test_two_workers_joining_and_leaving(scene: Scene) -> None:
    stays = scene.start()
    with scene.flowing():
        for _ in range(3):
            joins = scene.start()
            joins.wait_for("resumed")
            stays.wait_for("resumed", count=scene.partitions)
            stays.stop()
            stays = joins
    scene.done()
    stays.stop()


def test_the_last_worker_leaves_nothing_under_way(scene: Scene) -> None:
    """After SIGTERM everything that was applied is published and its offset committed: nothing to resume."""
    worker = scene.start(CONTRACTS_MAX_BATCH_COMMANDS="20")
    scene.publish(2_000)
    with scene.flowing():
        worker.wait_for("resumed", count=scene.partitions)
        worker.stop()
    assert scene.checker.positions() == scene.checker.committed()
    scene.start()
    scene.done()

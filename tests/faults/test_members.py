"""Workers joining and leaving in order: partitions change hands while commands flow."""

import pytest

from tests.faults.scene import Scene

pytestmark = pytest.mark.fault


@pytest.mark.timeout(180)
def test_two_workers_joining_and_leaving(scene: Scene) -> None:
    stays = scene.start()
    for _ in range(3):
        scene.publish(800)
        joins = scene.start()
        joins.wait_for("resumed")
        scene.publish(800)
        stays.stop()
        scene.publish(400)
        stays = joins
    scene.done()
    stays.stop()


def test_the_last_worker_leaves_nothing_under_way(scene: Scene) -> None:
    """After SIGTERM everything that was applied is published and its offset committed: nothing to resume."""
    scene.publish(1_500)
    worker = scene.start(CONTRACTS_MAX_BATCH_COMMANDS="20")
    worker.wait_for("resumed", count=scene.partitions)
    worker.stop()
    positions = {each["_id"]: each["next"] for each in scene.checker.state().positions}
    committed = scene.checker.committed()
    assert positions == {f"{scene.checker.topic}/{number}": next_ for number, next_ in committed.items()}
    scene.start()
    scene.done()

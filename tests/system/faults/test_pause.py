"""Workers that fall silent, are replaced, and go on as if nothing had been: zombies."""

from random import Random

import pytest

from tests.system.faults.scene import Scene
from tests.system.faults.worker import POINTS, TAKEOVER
from tests.system.faults.workers import until

pytestmark = pytest.mark.fault


@pytest.mark.parametrize("point", [point for point in POINTS if point not in {"fenced", "published"}])
def test_paused_at_a_point_replaced_and_continued(scene: Scene, point: str) -> None:
    passage = 1 if point in TAKEOVER else 2
    zombie = scene.start(FAULTS_STOP_AT=f"{point}:{passage}:STOP", CONTRACTS_MAX_BATCH_COMMANDS="20")
    scene.publish(150)
    until(lambda: zombie.paused, f"the worker stops at {point}")
    successor = scene.start()
    successor.wait_for("took over")
    zombie.resume()
    scene.publish(150)
    # Before its first batch there is nothing to take away from it.
    learns = zombie.rebalances if point not in TAKEOVER else lambda: [*zombie.lines("revoked")]
    until(learns, "the zombie learns that it was replaced")
    successor.check()
    scene.done()


def test_paused_at_random_moments_replaced_and_continued(scene: Scene) -> None:
    random = Random(7)
    workers = [scene.start(), scene.start()]
    for worker in workers:
        worker.wait_for("took over")  # before, nobody has to replace it
    for number in range(2):
        zombie, other = workers[number % 2], workers[1 - number % 2]
        scene.publish(1_500)
        zombie.pause_after(random.uniform(0, 0.3))
        # Done without the zombie: so its partitions have been taken over.
        scene.wait()
        zombie.resume()
        scene.publish(100)
        other.check()
    scene.done()

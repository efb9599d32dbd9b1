"""Workers killed with -9: at random moments under load, and at every point where it could matter."""

import os
from random import Random

import pytest

from devstack.given import GivenMongo
from devstack.mongo import MongoServer
from tests.system.faults.conftest import MakeScene
from tests.system.faults.scene import Scene
from tests.system.faults.worker import POINTS, TAKEOVER

pytestmark = pytest.mark.fault

COMMANDS, KILLS = (20_000, 20) if os.environ.get("FAULTS_FULL") else (3_000, 6)
"""The full number takes minutes; the rounds of tests/system/chaos kill at random moments, too."""


@pytest.mark.timeout(600)
def test_killed_at_random_moments_while_commands_flow(scene: Scene) -> None:
    random = Random(20)
    scene.start()
    scene.start()
    for _ in range(KILLS):
        scene.publish(COMMANDS // KILLS)
        victims = [worker for worker in scene.workers if worker.running]
        if random.random() < 0.7:
            victims = [random.choice(victims)]
        for victim in victims:
            victim.wait_for("took over")
            victim.kill_after(random.uniform(0, 0.5))
            scene.start()
    scene.done()


def test_killed_at_each_point(scene: Scene) -> None:
    """Each worker takes over from the one that was killed at the point before."""
    for point in POINTS:
        # A takeover passes each of its points once.
        passage = 1 if point in TAKEOVER else 2
        victim = scene.start(FAULTS_STOP_AT=f"{point}:{passage}:KILL", CONTRACTS_MAX_BATCH_COMMANDS="20")
        scene.publish(100)
        victim.wait_ended()
    scene.start()
    scene.done()


def test_killed_while_several_partitions_share_an_output_partition(
    make_scene: MakeScene, mongo: MongoServer | GivenMongo
) -> None:
    scene = make_scene(mongo, partitions=4, output_partitions=2)
    scene.start()
    for point in ("in-transaction", "stored", "publishing", "published"):
        victim = scene.start(FAULTS_STOP_AT=f"{point}:4:KILL", CONTRACTS_MAX_BATCH_COMMANDS="20")
        victim.wait_for("took over", seconds=60)
        scene.publish(400)
        victim.wait_ended(60)
    scene.done()

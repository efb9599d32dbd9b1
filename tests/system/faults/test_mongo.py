"""MongoDB killed, gone for long, and set back to an earlier time; and workers killed in its transactions."""

from collections.abc import Callable
from pathlib import Path

import pytest

from devstack.mongo import MongoServer
from tests.system.faults.conftest import MakeScene
from tests.system.faults.scene import Scene
from tests.system.faults.workers import Worker, sleep_as_fault, until

pytestmark = pytest.mark.fault

OwnMongo = Callable[..., MongoServer]


def replays(worker: Worker) -> int:
    """How often it found the database behind the published outputs (C > P)."""
    return sum(len(line["replaying"]) for line in worker.lines("took over"))


def back_up(mongo: MongoServer, folder: Path) -> None:
    """Copies its data while it is stopped."""
    mongo.stop()
    mongo.copy_data(folder)
    mongo.start()


def set_back(mongo: MongoServer, folder: Path) -> None:
    """It goes on from the copy, as after a restore."""
    mongo.kill()
    mongo.set_back(folder)
    mongo.start()


def test_mongodb_killed_and_restarted(make_scene: MakeScene, own_mongo: OwnMongo) -> None:
    mongo = own_mongo()
    scene = make_scene(mongo)
    worker = scene.start()
    for _ in range(4):
        worker.wait_for("took over")
        scene.publish(700)
        mongo.kill()
        scene.publish(100)
        mongo.start()
    scene.done()
    worker.check()


def test_mongodb_killed_in_its_lossy_mode(make_scene: MakeScene, own_mongo: OwnMongo) -> None:
    """It forgets acknowledged transactions: the log brings them back, and nothing is published again.

    Batches are small: a full buffer of its log is written at once, and then nothing is forgotten.
    """
    mongo = own_mongo(lossy=True)
    scene = make_scene(mongo, environment={"CONTRACTS_MAX_BATCH_COMMANDS": "10"})
    worker = scene.start()
    scene.publish(200)
    scene.wait()
    sleep_as_fault(1)  # until the lossy mode, too, has the first positions on disk
    for _ in range(24):
        with scene.flowing():  # killed while it writes, however slow the machine is
            sleep_as_fault(0.7)
            mongo.kill()
        mongo.start()
        scene.wait()
        if replays(worker) >= 2:
            break
    assert replays(worker) >= 2, "the database never went back: nothing was tried here"
    scene.done()


def test_the_database_set_back_to_an_earlier_copy(
    make_scene: MakeScene, own_mongo: OwnMongo, tmp_path: Path
) -> None:
    mongo = own_mongo()
    scene = make_scene(mongo)
    worker = scene.start()
    scene.publish(600)
    scene.wait()
    back_up(mongo, tmp_path / "backup")
    scene.publish(600)
    scene.wait()
    set_back(mongo, tmp_path / "backup")
    scene.publish(100)
    scene.done()
    assert replays(worker) >= scene.partitions
    # And once more, for a worker that has never seen the later state.
    worker.kill()
    set_back(mongo, tmp_path / "backup")
    successor = scene.start()
    scene.publish(100)
    scene.done()
    assert replays(successor) >= scene.partitions


def test_set_back_to_an_older_owner_while_the_newer_one_is_publishing(
    make_scene: MakeScene, own_mongo: OwnMongo, tmp_path: Path
) -> None:
    """The newer owner stands still before the end of its Kafka transaction, and goes on after the restore."""
    mongo = own_mongo()
    scene = make_scene(mongo)
    older = scene.start()
    scene.publish(600)
    scene.wait()
    back_up(mongo, tmp_path / "backup")
    scene.publish(300)
    scene.wait()
    older.kill()
    newer = scene.start(FAULTS_STOP_AT="publishing:2:STOP", CONTRACTS_MAX_BATCH_COMMANDS="20")
    scene.publish(300)
    until(lambda: newer.paused, "the newer owner stops with a transaction on its way")
    set_back(mongo, tmp_path / "backup")
    successor = scene.start()
    successor.wait_for("took over", seconds=60)
    newer.resume()
    until(newer.rebalances, "the newer owner learns that it was replaced")
    scene.publish(100)
    scene.done()
    assert replays(successor) >= scene.partitions


def test_a_worker_killed_inside_its_transaction_does_not_block_the_next(scene: Scene) -> None:
    """Its open transaction holds the position for a minute, unless its session is killed."""
    victim = scene.start(FAULTS_STOP_AT="in-transaction:2:KILL", CONTRACTS_MAX_BATCH_COMMANDS="20")
    scene.publish(200)
    victim.wait_ended()
    scene.start()
    scene.done(seconds=25)

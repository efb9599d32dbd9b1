"""The upgrade from version 0.1: with what 0.1 itself has written, some of it stored and not published."""

from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient
from pymongo import MongoClient

from consumer import errors
from schemas.topics import TOPICS
from tests.system.faults import version01
from tests.system.faults.conftest import MakeScene
from tests.system.faults.deciding import decided, finished, members, stopped
from tests.system.faults.scene import Scene
from tests.system.faults.workers import until

pytestmark = pytest.mark.fault


@pytest.fixture
def scene(make_scene: MakeScene, mongo: Any, admin: AdminClient) -> Iterator[Scene]:
    scene = make_scene(mongo, name=version01.NAME, partitions=version01.PARTITIONS, accounts=40)
    version01.leave(scene, admin)
    assert scene.checker.watched.positions() == version01.POSITIONS
    scene.checker.model.version01 = version01.POSITIONS
    scene.checker.read_log()
    yield scene
    for worker in scene.workers:
        worker.close()
    until(lambda: members(admin, version01.NAME) == 0, "the killed worker has left the group")
    finished(admin.delete_consumer_groups([version01.NAME]))
    finished(admin.delete_topics([scene.prefix + topic for topic in TOPICS], operation_timeout=30))
    until(lambda: scene.checker.watched.topic not in admin.list_topics().topics, "the topics are gone")


def documents(scene: Scene, collection: str) -> list[dict[str, Any]]:
    with MongoClient[dict[str, Any]](scene.checker.watched.mongo_uri) as client:
        return list(client[scene.checker.watched.database][collection].find())


def test_what_was_stored_and_not_published_comes_out(scene: Scene) -> None:
    scene.publish(60)
    worker = stopped(scene, errors.UpgradeNeeded, version01.PARTITIONS)
    decided(scene, worker, "--from-group-offset")
    scene.contracts("indexes", "upgrade")
    scene.done()
    assert documents(scene, "outbox") == []


def test_what_would_lose_it_is_refused(scene: Scene) -> None:
    for decision in "--to-database", "--rebuild", "--to-log-end":
        with pytest.raises(AssertionError, match="partition 0 asks for --from-group-offset"):
            scene.contracts("positions", "reset", decision)
    assert scene.checker.watched.positions() == version01.POSITIONS
    assert scene.checker.watched.published() == {}


def test_a_decision_that_was_cut_off_is_given_again(scene: Scene) -> None:
    """The journal has it, the database has not."""
    before = documents(scene, "positions"), documents(scene, "outbox")
    scene.contracts("positions", "reset", "--from-group-offset")
    with MongoClient[dict[str, Any]](scene.checker.watched.mongo_uri) as client:
        for name, found in zip(("positions", "outbox"), before, strict=True):
            client[scene.checker.watched.database][name].delete_many({})
            client[scene.checker.watched.database][name].insert_many(found)
    worker = stopped(scene, errors.UpgradeNeeded, version01.PARTITIONS)
    decided(scene, worker, "--from-group-offset")
    scene.publish(20)
    scene.contracts("indexes", "upgrade")
    scene.done()


def test_another_group_is_a_decision_of_its_own(scene: Scene) -> None:
    scene.rename_group("renamed")
    worker = stopped(scene, errors.UpgradeNeeded, version01.PARTITIONS)
    worker.stop()
    scene.contracts("positions", "reset", "--from-group-offset")
    worker = stopped(scene, errors.GroupChanged, version01.PARTITIONS)
    decided(scene, worker, "--accept-group")
    scene.publish(20)
    scene.contracts("indexes", "upgrade")
    scene.done()

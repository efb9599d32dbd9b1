"""Nothing to be read where there should be: it is seen, named, and over when its cause is.

Behind the open transaction of somebody else's producer, in the command topic or in the journal, and where the
command topic was deleted.
"""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from confluent_kafka.admin import AdminClient
from prometheus_client.parser import text_string_to_metric_families

from consumer import errors
from schemas.topics import POSITIONS
from tests.system.faults.conftest import MakeScene
from tests.system.faults.deciding import decided, finished
from tests.system.faults.scene import Scene
from tests.system.faults.strangers import open_transaction
from tests.system.faults.workers import Worker, until

pytestmark = pytest.mark.fault

PARTITIONS = 2
PATIENCE = 2.0


@pytest.fixture
def scene(make_scene: MakeScene, mongo: Any) -> Scene:
    return make_scene(mongo, partitions=PARTITIONS, accounts=40)


def working(scene: Scene) -> Worker:
    """A worker that has applied all there is, and says that it is ready."""
    worker = scene.start(FAULTS_PATIENCE=f"{PATIENCE:g}")
    scene.publish(60)
    scene.done()
    until(lambda: readiness(worker).status_code == 200, "ready")
    return worker


def readiness(worker: Worker) -> httpx.Response:
    return httpx.get(f"{worker.wait_for('listening')['url']}/readyz", timeout=10)


def gauge(worker: Worker, name: str, **labels: str) -> float | None:
    """What the worker tells to Prometheus; None: nothing of this name with these labels."""
    text = httpx.get(f"{worker.wait_for('listening')['url']}/metrics", timeout=10).text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    found = [
        one.value
        for one in samples
        if one.name == f"contracts_{name}" and labels.items() <= one.labels.items()
    ]
    return found[0] if found else None


def test_commands_behind_a_stranger_s_open_transaction(scene: Scene) -> None:
    worker = working(scene)
    end = scene.checker.watched.ends[0]
    began = datetime.now(UTC)
    stranger = open_transaction(scene.checker.watched.bootstrap, scene.checker.watched.topic, 0)
    scene.publish(60)
    line = worker.wait_for("partition cannot be read")
    assert line["partition"] == 0
    assert f"open transaction at offset {end} " in line["error"]
    since = datetime.fromisoformat(line["since"])  # in whole seconds
    assert began.replace(microsecond=0) <= since
    assert (datetime.fromisoformat(line["timestamp"]) - since).total_seconds() >= PATIENCE
    assert f"--topic {scene.checker.watched.topic} --partition 0" in line["hint"]
    until(lambda: readiness(worker).status_code == 503, "not ready")
    assert line["error"] in readiness(worker).json()["failing"]["partitions"]
    assert (gauge(worker, "consumer_lag_records", partition="0") or 0) > 1
    assert (gauge(worker, "consumer_lag_seconds", partition="0") or 0) >= PATIENCE
    unread = gauge(worker, "partition_unread_seconds", partition="0", reason="ForeignTransaction")
    assert (unread or 0) >= PATIENCE
    assert gauge(worker, "partition_unread_seconds", partition="1", reason="none") == 0
    stranger.abort_transaction(30)
    worker.wait_for("partition can be read again", partition=0)
    scene.done()
    until(lambda: readiness(worker).status_code == 200, "ready again")
    assert len(list(worker.lines("partition cannot be read"))) == 1
    assert gauge(worker, "partition_unread_seconds", partition="0", reason="none") == 0


def test_a_journal_behind_a_stranger_s_open_transaction(scene: Scene) -> None:
    """A takeover leaves that partition out; what was published behind the transaction is published once."""
    journal = scene.prefix + POSITIONS
    victim = working(scene)
    stranger = open_transaction(scene.checker.watched.bootstrap, journal, 1)
    for _ in range(10):  # more than a takeover reads of the journal at first
        scene.publish(6)
        until(lambda: all(gauge(victim, "consumer_lag_records", partition=p) == 0 for p in "01"), "all done")
    victim.kill()
    heir = scene.start()
    line = heir.wait_for("partition left out", partition=1)
    assert line["error"].startswith(f"{journal}/1: a producer's open transaction at offset ")
    assert f"--topic {journal} --partition 1" in line["hint"]
    assert heir.wait_for("took over")["partitions"] == [0]
    scene.publish(60)
    until(lambda: gauge(heir, "consumer_lag_records", partition="0") == 0, "the other partition is done")
    assert (gauge(heir, "consumer_lag_records", partition="1") or 0) > 0
    assert line["error"] in readiness(heir).json()["failing"]["partitions"]
    assert gauge(heir, "partition_unread_seconds", partition="1", reason="ForeignTransaction") is not None
    assert f"{journal}/1: a producer's open transaction" in scene.contracts("positions", "show")
    stranger.abort_transaction(30)
    heir.wait_for("took over", partitions=[0, 1])
    scene.done()
    until(lambda: readiness(heir).status_code == 200, "ready again")
    assert "open transaction" not in scene.contracts("positions", "show")


def test_a_command_topic_that_was_deleted(scene: Scene, admin: AdminClient) -> None:
    """Nobody asks for readiness at first: that alone makes the client see that the topic is gone."""
    worker = working(scene)
    finished(admin.delete_topics([scene.checker.watched.topic], operation_timeout=30))
    for number in range(PARTITIONS):
        line = worker.wait_for("partition cannot be read", partition=number)
        assert "is not there any more" in line["error"]
        assert "topics ensure" in line["hint"]
        reason = {"partition": str(number), "reason": errors.PartitionMissing.__name__}
        assert gauge(worker, "partition_unread_seconds", **reason) is not None
    assert readiness(worker).status_code == 503
    worker.wait_for("nothing to work on")
    until(lambda: "command topic is not there" in readiness(worker).text, "the group has noticed")
    assert readiness(worker).status_code == 503
    assert gauge(worker, "input_partitions") == 0
    scene.create_topics(scene.checker.watched.bootstrap)
    scene.publish(60)
    until(lambda: "created again" in readiness(worker).text, "the topic is another one")
    scene.checker.recreated()
    decided(scene, worker, "--new-generation")
    scene.done()

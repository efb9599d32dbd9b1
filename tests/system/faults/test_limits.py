"""What a topic, the database or an operator's limit does not take: it is told, and the rest goes on."""

import json
import re

import httpx
import pytest

from devstack.kafka import ApacheKafka
from devstack.proof.load import Load
from tests.system.faults.limits import USUAL_BYTES, limit
from tests.system.faults.scene import Scene
from tests.system.faults.workers import sleep_as_fault

pytestmark = pytest.mark.fault


@pytest.mark.parametrize("topic", ["contracts.command-results", "contracts.changed"])
def test_an_output_above_the_topic_s_limit(scene: Scene, apache_kafka: ApacheKafka, topic: str) -> None:
    worker = scene.start()
    scene.publish(200)
    scene.wait()
    limit(apache_kafka.bootstrap, scene.prefix + topic, 1_000)
    scene.publish(200)
    sleep_as_fault(2)
    limit(apache_kafka.bootstrap, scene.prefix + topic, USUAL_BYTES)
    scene.done()
    errors = [line["error"] for line in worker.lines("taking over again")]
    refused = re.compile(
        rf"Kafka refuses a record batch of \d+ bytes for {re.escape(scene.prefix + topic)}/\d+: "
        r"raise max\.message\.bytes of the topic \(MessageSizeTooLargeError\)"
    )
    assert errors
    assert [error for error in errors if not refused.fullmatch(error)] == []
    assert len(list(worker.lines("taking over again", reason="PublishRefused"))) == len(errors)
    assert not list(worker.lines("partition stopped"))


def test_too_many_dead_letters_pause_the_partitions(scene: Scene) -> None:
    """A wrong producer does not drain the topic into the dead letters; a flag at the restart does."""
    worker = scene.start(
        CONTRACTS_DEAD_LETTER_LIMIT_COUNT="20",
        CONTRACTS_DEAD_LETTER_LIMIT_WINDOW="100",
        CONTRACTS_MAX_BATCH_COMMANDS="10",
    )
    scene.publish(400)
    scene.wait()
    scene.load = Load(2, accounts=50, rubbish=1, misplaced=0)
    scene.publish(400)
    worker.wait_for("partition stopped", count=scene.partitions)
    for line in worker.lines("partition stopped"):
        assert "records are dead letters" in line["error"]
        assert "CONTRACTS_DEAD_LETTER_LIMIT_OFF=true" in line["hint"]
    dead = scene.contracts("dead-letters", "list", "--json").splitlines()
    assert len(dead) <= 60 * scene.partitions, "half of the window before the flood, and its first batch"
    url = worker.wait_for("listening")["url"]
    ready = httpx.get(f"{url}/readyz", timeout=10)
    assert ready.status_code == 503
    assert "records are dead letters" in ready.text
    worker.stop()
    rows = [json.loads(line) for line in scene.contracts("positions", "show", "--json").splitlines()]
    assert all("records are dead letters" in row["problem"] for row in rows)
    with pytest.raises(AssertionError, match="has a problem that no decision solves"):
        scene.contracts("positions", "reset", "--to-log-end")
    scene.start(CONTRACTS_DEAD_LETTER_LIMIT_OFF="true")
    scene.done()

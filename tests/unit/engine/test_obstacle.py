"""When a partition counts as standing still, and what is told of it."""

from datetime import datetime

import pytest
import structlog
from structlog.testing import capture_logs

from consumer.engine.obstacle import AGAIN_SECONDS, STALL_SECONDS, Obstacle
from consumer.errors import BrokerUnavailable, ForeignTransaction, PartitionMissing
from consumer.kafka.fetcher import Fetched
from consumer.telemetry.metrics import Metrics

PLACE = ("commands", 3)
WORDS = "commands/3: a producer's open transaction at offset 7 hides the records behind it"


class Scene:
    def __init__(self):
        self.metrics = Metrics()
        self.metrics.partitions.owned([3])
        self.obstacle = Obstacle(3, self.metrics)

    def answered(self, now, *, stable, end, at=7):
        self.obstacle.answered(PLACE, Fetched(at, (), at, stable, end), now)

    def told(self, reason):
        return self.metrics.value("partition_unread_seconds", partition="3", reason=reason)


@pytest.fixture(autouse=True)
def heard(quiet):
    """What the other tests of the engine do not log."""
    before = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.BoundLogger)
    yield
    structlog.configure(wrapper_class=before)


@pytest.fixture
def scene():
    return Scene()


def test_an_open_transaction_counts_after_a_while(scene):
    scene.answered(100.0, stable=7, end=9)
    scene.answered(100.0 + STALL_SECONDS - 1, stable=7, end=12)
    assert scene.obstacle.error is None
    assert scene.obstacle.hidden_seconds(110.0) == 10
    with capture_logs() as logs:
        scene.answered(100.0 + STALL_SECONDS, stable=7, end=12)
        scene.answered(200.0, stable=7, end=12)
    assert isinstance(scene.obstacle.error, ForeignTransaction)
    assert [line["error"] for line in logs] == [WORDS]
    assert scene.obstacle.seconds(200.0) == pytest.approx(100)
    assert scene.told("ForeignTransaction") == pytest.approx(100, abs=5)
    assert scene.obstacle.ask_from == 0


def test_transactions_one_after_the_other_are_no_obstacle(scene):
    for now in range(0, 300, 10):
        scene.answered(float(now), stable=7 + now, end=9 + now, at=7 + now)
    assert scene.obstacle.error is None
    assert scene.obstacle.hidden_seconds(300.0) == 10


@pytest.mark.parametrize(("stable", "end"), [(9, 12), (7, 7)], ids=["there is more to read", "the end"])
def test_it_is_gone_when_something_can_be_read_or_nothing_is_hidden(scene, stable, end):
    scene.answered(0.0, stable=7, end=9)
    scene.answered(STALL_SECONDS, stable=7, end=9)
    with capture_logs() as logs:
        scene.answered(STALL_SECONDS + 10, stable=stable, end=end)
    assert scene.obstacle.error is None
    assert scene.obstacle.hidden_seconds(100.0) == 0
    assert [(line["event"], line["after_seconds"]) for line in logs] == [("partition can be read again", 40)]
    assert scene.told("none") == 0
    assert scene.told("ForeignTransaction") is None


def test_what_is_refused_is_told_once_and_asked_again_after_a_pause(scene):
    with capture_logs() as logs:
        for now in (10.0, 11.0, 12.0):
            scene.obstacle.refused(PartitionMissing("commands/3 is not there"), now)
    assert scene.obstacle.ask_from == 12 + AGAIN_SECONDS
    assert scene.obstacle.seconds(12.0) == 2
    assert [(line["event"], line["partition"], line["error"]) for line in logs] == [
        ("partition cannot be read", 3, "commands/3 is not there")
    ]


def test_another_error_is_another_obstacle(scene):
    scene.obstacle.refused(BrokerUnavailable("no leader"), 10.0)
    scene.obstacle.refused(PartitionMissing("commands/3 is not there"), 50.0)
    assert scene.obstacle.seconds(60.0) == 10
    assert scene.told("BrokerUnavailable") is None


def test_a_stopped_partition_is_not_tried_any_more(scene):
    scene.obstacle.refused(BrokerUnavailable("no leader"), 10.0)
    scene.metrics.partitions.stopped(3, "TopicRecreated")
    assert scene.told("none") == 0


def test_what_is_left_out_is_logged_once_as_such_and_its_end_is_the_takeover(scene):
    with capture_logs() as logs:
        scene.obstacle.refused(BrokerUnavailable("no leader"), 10.0)
        scene.obstacle.leave_out(BrokerUnavailable("no leader"), 20.0)
        scene.obstacle.stays_left_out(BrokerUnavailable("no leader"), 22.0)
        scene.obstacle.leave_out(BrokerUnavailable("no leader"), 30.0)
    assert [line["event"] for line in logs] == ["partition cannot be read", "partition left out"]
    assert scene.obstacle.seconds(30.0) == 20, "since it could not be read"
    since = [datetime.fromisoformat(line["since"]).timestamp() for line in logs]
    assert since[0] - since[1] == pytest.approx(10, abs=2)
    with capture_logs() as logs:
        scene.obstacle.gone(40.0)
    assert logs == []
    assert scene.obstacle.error is None
    with capture_logs() as logs:
        scene.obstacle.leave_out(BrokerUnavailable("no leader"), 50.0)
    assert [line["event"] for line in logs] == ["partition left out"]


@pytest.mark.parametrize(
    ("topic", "is_journal"), [("contracts.commands", False), ("a.contracts.positions", True)]
)
def test_an_open_transaction_of_another_program_has_a_command_that_names_it(topic, is_journal):
    hint = ForeignTransaction(topic, 3, 7).hint
    command = "kafka-transactions.sh --bootstrap-server B describe-producers"
    assert hint.startswith(f"`{command} --topic {topic} --partition 3` names it")
    assert ("journal" in hint) == is_journal

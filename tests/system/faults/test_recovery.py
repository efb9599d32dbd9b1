"""There are events again after a fault. How soon is printed at the end of the run.

It depends on the machine: what the service itself waits for is bounded in tests/simulation/test_recovery.py,
in virtual time.
"""

from collections.abc import Callable

import pytest

from devstack.given import GivenMongo
from devstack.mongo import MongoServer
from tests.system.faults.conftest import MakeScene
from tests.system.faults.events import seconds_to_new_events
from tests.system.faults.scene import Scene
from tests.system.faults.workers import FAST, Worker, sleep_as_fault, until

pytestmark = pytest.mark.fault

AWAY_SECONDS = 1.5 * int(FAST["CONTRACTS_MAX_POLL_INTERVAL_MS"]) / 1000

Tell = Callable[[str], None]


def owned(worker: Worker) -> set[int]:
    """The partitions it works on."""
    partitions: set[int] = set()
    for line in worker.lines():
        if line.get("event") == "revoked" and "partitions" in line:
            partitions.clear()
        elif line.get("event") == "took over":
            partitions |= set(line["partitions"])
    return partitions


def test_one_of_two_workers_killed(scene: Scene, tell: Tell) -> None:
    victim, other = scene.start(), scene.start()
    halves = lambda: owned(victim) and owned(other) and owned(victim) ^ owned(other)  # noqa: E731
    until(lambda: halves() == set(range(scene.partitions)), "each worker has its half")
    with scene.flowing(300):
        lost = owned(victim)
        seconds_to_new_events(scene, lost)  # it works
        victim.kill()
        took = seconds_to_new_events(scene, lost)
    tell(f"kill -9 of one of two workers: events of its partitions after {took:.1f} s")
    scene.done()


def test_a_worker_without_partitions_takes_over(
    make_scene: MakeScene, mongo: MongoServer | GivenMongo, tell: Tell
) -> None:
    """It has had nothing to fetch for longer than max_poll_interval."""
    scene = make_scene(mongo, partitions=1)
    workers = scene.start(), scene.start()
    for worker in workers:
        worker.wait_for("revoked")  # it has joined
    until(
        lambda: sum(len(owned(worker)) for worker in workers) == 1,
        "one of them has the partition",
    )
    (busy,) = (worker for worker in workers if owned(worker))
    with scene.flowing(100):
        sleep_as_fault(AWAY_SECONDS)
        busy.kill()
        took = seconds_to_new_events(scene, {0})
    tell(f"kill -9 of the only worker with a partition: events from the spare one after {took:.1f} s")
    scene.done()


def test_mongodb_away_for_longer_than_max_poll_interval(
    make_scene: MakeScene, own_mongo: Callable[..., MongoServer], tell: Tell
) -> None:
    """No partition changes hands meanwhile, and all go on after its return."""
    mongo = own_mongo()
    scene = make_scene(mongo, environment={"CONTRACTS_MONGO_TIMEOUT_MS": "1000"})
    worker = scene.start()
    worker.wait_for("took over")
    with scene.flowing(200):
        for name, cut, mend in (("frozen", mongo.pause, mongo.resume), ("killed", mongo.kill, mongo.start)):
            cut()
            sleep_as_fault(AWAY_SECONDS)
            mend()
            took = seconds_to_new_events(scene, range(scene.partitions))
            tell(f"MongoDB {name} for {AWAY_SECONDS:g} s: events of all partitions after {took:.1f} s")
    scene.done()
    assert not worker.rebalances(), worker.tail()

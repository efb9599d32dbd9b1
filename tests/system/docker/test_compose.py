"""`docker compose up` as a user types it: everything starts in order, works, and is watched."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from devstack.proof.checker import Checker
from devstack.proof.load import Load
from devstack.proof.sending import Sender
from devstack.proof.watched import Watched
from schemas.topics import COMMANDS
from tests.system.docker.compose import Compose

KAFKA = "localhost:29092"
MONGO = "mongodb://localhost:27017/?directConnection=true"
PARTITIONS = 12
RECORDS = 2_000
SECONDS = 180


@pytest.fixture(scope="module")
def compose(engine: None) -> Iterator[Compose]:
    found = Compose()
    found.down()
    try:
        found.up()
        until(lambda: healthy(found) == 2)
        yield found
    finally:
        found.down()


def until(holds: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + SECONDS
    while not (found := holds()):
        if time.monotonic() > deadline:
            pytest.fail("not in time")
        time.sleep(0.5)
    return found


def healthy(compose: Compose) -> int:
    states = [each["State"].get("Health", {}).get("Status") for each in compose.containers("contracts")]
    return states.count("healthy")


def ask(query: str) -> list[Any]:
    try:
        answer = httpx.get("http://localhost:9090/api/v1/query", params={"query": query}).json()
    except httpx.TransportError:
        return []
    return list(answer["data"]["result"])


def test_the_demo_load_comes_out_as_the_model_says(compose: Compose) -> None:
    checker = Checker(Watched(bootstrap=KAFKA, mongo_uri=MONGO, database="contracts", partitions=PARTITIONS))
    sender = Sender(KAFKA, COMMANDS, PARTITIONS)
    sender.send(Load(7, rubbish=0.05).messages(RECORDS))
    sender.flush()
    checker.wait(SECONDS, lambda: None)
    verdict = checker.check()
    assert verdict.ok, str(verdict)


def test_two_replicas_share_the_partitions_and_are_scraped(compose: Compose) -> None:
    until(lambda: len(ask("contracts_owned_partitions > 0")) == 2)
    until(lambda: [row["value"][1] for row in ask("sum(contracts_owned_partitions)")] == [str(PARTITIONS)])
    assert ask('ALERTS{alertname="ContractsPartitionStopped"}') == []


def test_a_command_can_be_published_from_a_replica(compose: Compose) -> None:
    said = compose(
        "exec",
        "-T",
        "contracts",
        "contracts",
        "publish",
        "create",
        "from-inside",
        "--set",
        "contract_type=basic",
        "--wait",
    )
    assert "applied" in said


def test_replicas_run_locked_down(compose: Compose) -> None:
    for container in compose.containers("contracts"):
        host = container["HostConfig"]
        assert container["Config"]["User"] == "10001:10001"
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert host["SecurityOpt"] == ["no-new-privileges:true"]
        assert not host["PortBindings"]


def test_a_stopped_replica_drains_and_ends_well(compose: Compose) -> None:
    compose("stop", "contracts")
    assert [each["State"]["ExitCode"] for each in compose.containers("contracts")] == [0, 0]
    compose("up", "-d")
    until(lambda: healthy(compose) == 2)

"""The service started as its users start it: topics, process, publish, result, metrics, orderly end."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import orjson
import pytest

from devstack.given import GivenKafka, GivenMongo
from devstack.kafka import KafkaServer
from devstack.mongo import MongoServer

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment(
    kafka: KafkaServer | GivenKafka, mongo: MongoServer | GivenMongo, topic_prefix: str, database: str
) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONTRACTS_")}
    return kept | {
        "CONTRACTS_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap,
        "CONTRACTS_MONGO_URI": mongo.uri,
        "CONTRACTS_MONGO_DATABASE": database,
        "CONTRACTS_TOPIC_PREFIX": topic_prefix,
        "CONTRACTS_GROUP_ID": topic_prefix,
        "CONTRACTS_TOPIC_REPLICATION_FACTOR": "1",
        "CONTRACTS_TOPIC_PARTITIONS": "2",
        "CONTRACTS_HTTP_PORT": "0",
        "CONTRACTS_LOG_FORMAT": "json",
        "CONTRACTS_RESULT_TIMEOUT_SECONDS": "60",
    }


@pytest.fixture
def contracts(environment: dict[str, str]) -> Run:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "consumer", *arguments]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    return run


@pytest.fixture
def service(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "consumer", "consume"]
    running = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    yield running
    running.kill()
    running.communicate()


def next_line(service: subprocess.Popen[str], event: str) -> dict[str, Any]:
    """The service's next log line with this event; the test's own time limit is the deadline."""
    assert service.stderr is not None
    for line in service.stderr:
        if (found := orjson.loads(line))["event"] == event:
            return found
    raise AssertionError(f"the service ended without {event!r}")


def test_from_nothing_to_a_result(
    contracts: Run, environment: dict[str, str], request: pytest.FixtureRequest
) -> None:
    assert contracts("topics", "ensure").returncode == 0
    service: subprocess.Popen[str] = request.getfixturevalue("service")
    url = next_line(service, "listening")["url"]

    created = contracts("publish", "create", "acme", "--set", "contract_type=basic", "--wait", "--json")
    assert created.returncode == 0, created.stderr
    result = orjson.loads(created.stdout)["result"]
    assert (result["outcome"], result["version"]) == ("applied", 1)
    assert re.fullmatch(r"contract_\d{8}_\d{6}_[0-9a-f]{12}", result["contract_id"])

    again = contracts("publish", "create", "acme", "--set", "contract_type=basic", "--wait")
    assert again.returncode == 9
    assert again.stderr.splitlines()[1].startswith("error: contract_exists: ")

    dead = contracts("publish", "create", "beta", "--set", "contract_typ=basic", "--no-check", "--wait")
    assert dead.returncode == 9
    assert "unknown field; did you mean `contract_type`?" in dead.stderr

    metrics = httpx.get(f"{url}/metrics").text
    assert 'contracts_commands_total{outcome="applied",type="create"} 1.0' in metrics
    assert 'contracts_commands_total{outcome="rejected",type="create"} 1.0' in metrics
    assert 'contracts_dead_letters_total{reason="schema_violation"} 1.0' in metrics
    assert "contracts_owned_partitions 2.0" in metrics
    assert httpx.get(f"{url}/healthz").json() == {"status": "ok"}
    assert httpx.get(f"{url}/readyz").json() == {"status": "ok"}

    service.send_signal(signal.SIGTERM)
    assert service.wait(60) == 0
    shown = contracts("positions", "show", "--json")
    assert shown.returncode == 0, shown.stderr
    assert [row["problem"] for row in map(orjson.loads, shown.stdout.splitlines())] == [None, None]


def test_without_topics_the_service_refuses_to_start(contracts: Run) -> None:
    refused = contracts("consume")
    assert refused.returncode == 4
    *_, last = map(orjson.loads, refused.stderr.splitlines())
    assert last["event"] == "the service ended"
    assert last["level"] == "error"
    assert last["error"].startswith("missing topics: ")
    assert last["hint"] == "create them with `contracts topics ensure`"
    assert last["exit_code"] == 4


def test_on_a_terminal_the_last_line_is_for_people(contracts: Run, environment: dict[str, str]) -> None:
    environment["CONTRACTS_LOG_FORMAT"] = "console"
    *_, error, hint = contracts("consume").stderr.splitlines()
    assert error.startswith("error: missing topics: ")
    assert hint == "hint: create them with `contracts topics ensure`"

"""The service started as its users start it: topics, process, publish, result, metrics, orderly end."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from consumer.domain.catalogue_file import version_data
from devstack.given import GivenKafka, GivenMongo
from devstack.kafka import KafkaServer
from devstack.mongo import MongoServer
from schemas.contract import to_json
from tests.unit.domain.catalogues import version

DAY = timedelta(days=1)

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


@pytest.fixture
def with_templates(environment: dict[str, str], tmp_path: Path) -> None:
    """A second version of the templates, in force from the first command on."""
    (tmp_path / "templates.json").write_bytes(
        to_json({"versions": [version_data(version(2, "2026-01-01", dearer=10))]})
    )
    environment["CONTRACTS_TEMPLATES"] = str(tmp_path / "templates.json")


def lines(ran: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert ran.returncode == 0, ran.stderr
    return [*map(orjson.loads, ran.stdout.splitlines())]


@pytest.mark.usefixtures("with_templates")
def test_contracts_are_brought_to_a_later_template_once(
    contracts: Run, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    (basic,) = lines(contracts("templates", "show", "basic@1", "--json"))
    today = datetime.now(UTC)
    term = {"start_date": f"{today - 99 * DAY:%Y-%m-%d}", "end_date": f"{today + 200 * DAY:%Y-%m-%d}"}
    held = {"contract_type": "basic", "status": "active"} | basic | term
    rows = [
        {"account_id": "agreed", "renewal_terms": {"uplift_percent": 10}},
        {"account_id": "listed"},
        {"account_id": "own", "base_monthly_fee": 80},
        {"account_id": "lapsing", "auto_renewal": False},
    ]
    file = tmp_path / "rows.jsonl"
    file.write_bytes(
        b"\n".join(orjson.dumps(held | {"contract_id": f"old-{each['account_id']}"} | each) for each in rows)
    )
    assert contracts("topics", "ensure").returncode == 0
    request.getfixturevalue("service")
    imported = contracts("import", str(file), "--adopt")
    assert imported.returncode == 0, imported.stderr

    command = ("templates", "migrate", "--from", "basic@1", "--to", "basic@2", "--effective", "at_renewal")
    previewed = contracts(*command, "--json")
    (preview,) = lines(previewed)
    assert preview == {
        "from": "basic@1",
        "to": "basic@2",
        "effective": "at_renewal",
        "contracts": 2,
        "monthly": {"USD": {"contracts": 2, "before": 207.9, "after": 228.9, "difference": 21}},
        "left_out": {"it will not renew": 1, "terms of their own": 1},
        "accounts": ["agreed", "listed"],
    }
    assert "nothing was sent: add --send to send the commands" in previewed.stderr
    read = contracts(*command)
    assert "accounts" not in read.stdout
    assert "207.9" in read.stdout
    (contract,) = lines(contracts("get", "listed", "--json"))
    assert contract["scheduled_changes"] == [], "a preview sends nothing"

    (sent,) = lines(contracts(*command, "--send", "--json"))
    assert sent == preview | {"sent": {"applied": 2, "unchanged": 0, "duplicates": 0, "refused": 0}}
    (contract,) = lines(contracts("get", "listed", "--json"))
    (change,) = contract["scheduled_changes"]
    assert (change["kind"], change["template_version"]) == ("plan_change", 2)

    (again,) = lines(contracts(*command, "--send", "--json"))
    assert (again["contracts"], again["sent"]) == (0, dict.fromkeys(sent["sent"], 0))
    assert again["left_out"]["another plan is scheduled or agreed"] == 2
    assert contracts("publish", "withdraw_plan_change", "listed", "--wait").returncode == 0
    refused = contracts(*command, "--send", "--json")
    assert (refused.returncode, "1 of 1 commands were refused" in refused.stderr) == (13, True), (
        refused.stderr
    )
    after = orjson.loads(refused.stdout)
    assert after["sent"] == {"applied": 0, "unchanged": 0, "duplicates": 0, "refused": 1}
    assert "old-listed: this id is another command's" in refused.stderr
    (contract,) = lines(contracts("get", "listed", "--json"))
    assert contract["scheduled_changes"] == [], "what somebody took back stays taken back"

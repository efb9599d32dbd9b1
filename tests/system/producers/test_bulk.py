"""Imports into a running service, and what the command line says of them and of what is there then."""

import asyncio
import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from producers.bulk import BulkImport
from producers.bulk_rows import Row
from producers.connect import make_command_producer
from tests import servers as kinds
from tests.running import Running, running, settings_for, until
from tests.servers import Servers

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.kafka, pytest.mark.mongo]

Run = Callable[..., Any]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(servers: Servers) -> AsyncIterator[Running]:
    """On one broker: the clients are tried on all of them in tests/system/producers."""
    kafka_kind = kinds.broker_kinds()[0]
    mongo = servers.mongo("given" if kinds.GIVEN_MONGO else kinds.MONGO_KIND)
    async with running(settings_for(servers.kafka(kafka_kind), mongo, f"bulk_{kafka_kind}")) as started:
        yield started


@pytest.fixture
def environment(service: Running) -> dict[str, str]:
    """What `contracts …` needs to know of the service."""
    settings = service.settings
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONTRACTS_")}
    return kept | {
        "CONTRACTS_KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "CONTRACTS_MONGO_URI": settings.mongo_uri.get_secret_value(),
        "CONTRACTS_MONGO_DATABASE": settings.mongo_database,
        "CONTRACTS_TOPIC_PREFIX": settings.topic_prefix,
    }


@pytest.fixture
def contracts(environment: dict[str, str]) -> Run:
    """Runs `contracts …` as a process; returns (code, output lines as JSON, errors)."""

    async def run(*arguments: object) -> tuple[int, list[Any], str]:
        command = [sys.executable, "-m", "consumer", *map(str, arguments), "--json"]
        ran = await asyncio.to_thread(
            subprocess.run, command, env=environment, capture_output=True, text=True, check=False
        )
        return ran.returncode, [json.loads(line) for line in ran.stdout.splitlines()], ran.stderr

    return run


def write_lines(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


async def test_an_import_that_is_killed_and_run_again(
    contracts: Run, environment: dict[str, str], service: Running, test_id: str, tmp_path: Path
) -> None:
    names = [f"{test_id}-{number:04d}" for number in range(2_000)]
    rows = ({"account_id": name, "contract_type": "basic"} for name in names)
    path = write_lines(tmp_path / "contracts.jsonl", *rows)
    ours = {"account_id": {"$gte": names[0], "$lte": names[-1]}}

    async def stored() -> int:
        return await service.database.contracts.count_documents(ours)

    async def some() -> bool:
        return await stored() > 300

    command = [sys.executable, "-m", "consumer", "import", str(path), "--window", "100"]
    first = await asyncio.create_subprocess_exec(*command, env=environment)
    await until(some)
    first.kill()
    assert await first.wait() == -signal.SIGKILL
    assert await stored() < 2_000, "it was through before it was killed: nothing was tried here"
    code, (report,), err = await contracts("import", path)
    assert (code, report["rows"], report["refused"]) == (0, 2_000, 0), err
    assert report["applied"] + report["duplicates"] == 2_000
    assert report["duplicates"] > 300
    found = service.database.contracts.find(ours)
    assert sorted([each["account_id"] async for each in found]) == names
    created = {"type": "create", "outcome": "applied", **ours}
    assert await service.database.history.count_documents(created) == 2_000


async def test_rows_of_an_account_are_applied_in_their_order(service: Running, test_id: str) -> None:
    rows = [Row("0", "create", test_id, {"contract_type": "basic"})]
    rows += [
        Row(str(i), "update", test_id, {"changes": {"notes": str(i)}, "expected_version": i})
        for i in range(1, 300)
    ]
    async with make_command_producer(service.settings) as commands:
        report = await BulkImport(test_id).run(rows, commands)
    assert report.applied == 300


async def test_the_command_imports_tells_and_lists(
    contracts: Run, service: Running, test_id: str, tmp_path: Path
) -> None:
    path, refused = tmp_path / "contracts.csv", tmp_path / "refused.jsonl"
    end = (datetime.now(UTC) + timedelta(days=20)).isoformat()
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(
            [
                [
                    "account_id",
                    "contract_type",
                    "base_monthly_fee",
                    "external_reference",
                    "end_date",
                    "auto_renewal",
                ],
                [f"{test_id}-a", "basic", "9.50", test_id, end, "no"],
                [f"{test_id}-b", "enterprise", "", test_id, "", ""],
                [f"{test_id}-c", "gold", "", test_id, "", ""],
            ]
        )
    code, (report,), err = await contracts("import", path, "--dry-run")
    assert (code, report["rows"], report["applied"], report["refused"]) == (13, 3, 0, 1)
    assert "refused 4: create: /contract_type must be" in err
    code, (report,), _ = await contracts("import", path, "--refused", refused)
    assert (code, report["applied"], report["by_code"]) == (13, 2, {"not_sent": 1})
    assert [json.loads(line)["place"] for line in refused.read_text().splitlines()] == ["4"]
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:3]))
    code, (report,), _ = await contracts("import", path)
    assert (code, report["by_code"]) == (13, {"contract_exists": 2})

    code, rows, _ = await contracts("list", "--reference", test_id)
    assert (code, [row["account_id"] for row in rows]) == (0, [f"{test_id}-a", f"{test_id}-b"])
    code, rows, err = await contracts("list", "--reference", test_id, "--limit", 1)
    # On a busy machine a line before it tells what is waited for.
    cursor = err.strip().splitlines()[-1].removeprefix("more: --after ")
    code, rows, _ = await contracts("list", "--reference", test_id, "--after", cursor)
    assert [row["account_id"] for row in rows] == [f"{test_id}-b"]
    code, rows, _ = await contracts("expiring", "--days", 30, "--limit", 10_000)
    (ours,) = [row for row in rows if row["account_id"] == f"{test_id}-a"]
    assert (ours["days_left"], ours["action"], ours["reason"]) == (20, "lapses", "no_auto_renewal")


async def test_an_export_is_imported_elsewhere(
    contracts: Run, service: Running, test_id: str, tmp_path: Path
) -> None:
    async with make_command_producer(service.settings) as commands:
        awaiting = commands.awaiting(60)
        await awaiting.create(test_id, contract_type="basic", external_reference=test_id, notes="x")
        await awaiting.update(test_id, changes={"notes": "=1+1"})
        _, (before,), _ = await contracts("get", test_id)
        for form, *safe in (["jsonl"], ["csv"], ["tsv", "--spreadsheet-safe"]):
            path = tmp_path / f"out.{form}"
            code, (told,), _ = await contracts("list", "--reference", test_id, "--export", path, *safe)
            assert (code, told["contracts"]) == (0, 1)
            await awaiting.delete(test_id)
            assert ("'=1+1" in path.read_text()) == bool(safe)
            code, (report,), err = await contracts("import", path, "--adopt", *safe)
            assert (code, report["applied"]) == (0, 1), err
            code, found, err = await contracts("get", test_id)
            assert (code, found) == (0, [before]), err


async def test_another_collection_is_adopted(contracts: Run, service: Running, test_id: str) -> None:
    settings = service.settings
    old = service.mongo[f"{settings.mongo_database}_old"].agreements
    await old.insert_many(
        [
            {
                "account_id": f"{test_id}-{number}",
                "contract_id": f"{test_id}-c{number}",
                "plan": "basic",
                "secret": "s",
                "status": "active",
                "start_date": datetime(2026, 1, 1),  # noqa: DTZ001 - as pymongo takes it
                "end_date": datetime.now(UTC) + timedelta(days=100),
                "base_monthly_fee": 9.5,
                "usage_limits": {"max_monthly_trades": 10},
                "notes": None,
            }
            for number in range(5)
        ]
    )
    uri = settings.mongo_uri.get_secret_value().replace("/?", f"/{settings.mongo_database}_old?")
    arguments = ["import", "--from-mongo", uri, "--collection", "agreements", "--field", "plan=contract_type"]
    code, (report,), err = await contracts(*arguments)
    assert (code, report["by_code"]) == (13, {"not_sent": 5})
    assert "/secret unknown field" in err
    code, (report,), err = await contracts(*arguments, "--field", "secret=")
    assert (code, report["applied"]) == (0, 5), err
    code, (report,), _ = await contracts(*arguments, "--field", "secret=")
    assert (code, report["applied"], report["duplicates"]) == (0, 0, 5)
    code, (found,), _ = await contracts("get", "--id", f"{test_id}-c3")
    assert (found["account_id"], found["current"], found["start_date"]) == (
        f"{test_id}-3",
        True,
        "2026-01-01T00:00:00Z",
    )


async def test_what_was_and_who_did_it(contracts: Run, service: Running, test_id: str) -> None:
    async with make_command_producer(service.settings) as commands:
        awaiting = commands.awaiting(60)
        first = await awaiting.create(test_id, contract_type="basic", requested_by="ann")
        await awaiting.update(test_id, changes={"notes": "x"}, requested_by="bob")
        await awaiting.delete(test_id)
    code, rows, _ = await contracts("history", test_id, "--oldest-first")
    assert [(row["command"], row["by"], row["outcome"]) for row in rows] == [
        ("create", "ann", "applied"),
        ("update", "bob", "applied"),
        ("delete", service.settings.command_source, "applied"),
    ]
    code, (old,), _ = await contracts("get", "--id", first.contract_id, "--version", 1)
    assert (code, "notes" in old, old["made_by"]["by"]) == (0, False, "ann")
    code, (now,), _ = await contracts("get", "--id", first.contract_id)
    assert (now["notes"], now["current"]) == ("x", False)
    code, (then,), _ = await contracts("get", test_id, "--as-of", rows[1]["occurred_at"])
    assert then["notes"] == "x"
    for missing in (
        ["get", test_id],
        ["get", test_id, "--as-of", "7d"],
        ["get", "--id", "nothing"],
        ["get", "--id", first.contract_id, "--version", "9"],
    ):
        code, rows, err = await contracts(*missing)
        assert (code, rows) == (11, []), err
    code, _, err = await contracts("get", test_id, "--version", 1)
    assert (code, "--version needs --id" in err) == (2, True)


async def test_figures(contracts: Run, service: Running, test_id: str) -> None:
    async with make_command_producer(service.settings) as commands:
        await commands.awaiting(60).create(
            test_id,
            contract_type="custom",
            currency="CHF",
            base_monthly_fee=7,
            usage_limits={},
            term_months=1,
        )
    code, (shown,), err = await contracts("stats", "--from", "1h")
    assert code == 0, err
    assert shown["contracts"]["custom"]["active"] == 1
    assert {"contract_type": "custom", "currency": "CHF", "contracts": 1, "monthly": 7} in shown[
        "monthly_revenue"
    ]
    assert [window["within_days"] for window in shown["expiring"]] == [7, 30, 60, 90]
    assert shown["retention"]["opened"] >= 1
    code, _, err = await contracts("stats", "--to", "1h")
    assert code == 2

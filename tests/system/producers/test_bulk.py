"""Imports into a running service, and what the command line says of them."""

import asyncio
import csv
import json
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from producers.bulk import BulkImport
from producers.bulk_rows import Row
from producers.connect import make_command_producer
from tests.running import Running, until
from tests.system.producers.one_service import Run, contracts, environment

__all__ = ["contracts", "environment"]

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.kafka, pytest.mark.mongo]


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

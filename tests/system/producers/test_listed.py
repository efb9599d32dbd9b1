"""What the command line says of the past and the sum of contracts that a service keeps."""

import pytest

from producers.connect import make_command_producer
from tests.running import Running
from tests.system.producers.one_service import Run, contracts, environment

__all__ = ["contracts", "environment"]

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.kafka, pytest.mark.mongo]


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

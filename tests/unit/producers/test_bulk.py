"""Imports into a service in memory: what is applied, refused, and done again."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consumer.errors import BrokerUnavailable, ResultTimeout
from producers.bulk import BulkImport
from producers.bulk_report import NOT_SENT, ImportReport, RefusedRow
from producers.bulk_rows import BadRow, Row, document_rows
from producers.messages import CommandMessage
from producers.testkit import Testkit


class KitCommands:
    """A CommandProducer over a test kit, which answers a moment later; `under_way` is the most it had."""

    def __init__(self, kit: Testkit) -> None:
        self.kit = kit
        self.fail_after: int | None = None
        self.failure: Exception = ResultTimeout("no result")
        self.waiting = self.under_way = self.submitted = 0

    def awaiting(self, timeout: float) -> "KitCommands":
        return self

    async def submit(self, message: CommandMessage) -> asyncio.Task[Any]:
        self.submitted += 1
        if isinstance(self.failure, BrokerUnavailable) and self.fail_after == self.submitted:
            raise self.failure
        result = await self.kit.result(message)
        self.waiting += 1
        self.under_way = max(self.under_way, self.waiting)
        return asyncio.create_task(self._answered(self.submitted, result))

    async def _answered(self, number: int, result: Any) -> Any:
        await asyncio.sleep(0)
        self.waiting -= 1
        if self.fail_after is not None and number >= self.fail_after:
            raise self.failure
        return None, result


def contracts(count: int) -> list[Row]:
    return [Row(str(i), "create", f"a{i}", {"contract_type": "basic"}) for i in range(1, count + 1)]


MIXED = [
    Row("1", "create", "a", {"contract_type": "basic"}),
    Row("2", "create", "b", {"contract_type": "gold"}),
    BadRow("3", "is not JSON"),
    Row("4", "update", "a", {"changes": {"notes": "x"}}),
    Row("5", "update", "a", {"changes": {"notes": "x"}}),
    Row("6", "update", "nobody", {"changes": {"notes": "x"}}),
    Row("7", "create", "", {}),
]


async def test_every_row_is_accounted_for() -> None:
    kit, refused, done = Testkit(), [], []
    importing = BulkImport("f", on_refused=refused.append, on_progress=done.append)
    report = await importing.run(MIXED, KitCommands(kit))
    assert report == ImportReport(
        rows=7, applied=2, unchanged=1, refused=4, by_code={NOT_SENT: 3, "contract_not_found": 1}
    )
    assert sum(done) == 7
    assert sorted(refused, key=lambda row: row.place) == [
        RefusedRow("2", refused[0].message, None, refused[0].errors),
        RefusedRow("3", "is not JSON"),
        RefusedRow("6", "the account has no contract", "contract_not_found"),
        RefusedRow("7", "an account id has 1 to 128 printable characters"),
    ]
    assert refused[0].errors[0][0] == "/contract_type"


async def test_run_again_everything_is_a_duplicate_and_what_was_refused_still_is() -> None:
    kit, commands = Testkit(), KitCommands(Testkit())
    commands.kit = kit
    await BulkImport("f").run(MIXED, commands)
    before = len(kit.changes())
    report = await BulkImport("f").run(MIXED, commands)
    assert (report.applied, report.unchanged, report.duplicates, report.refused) == (0, 0, 3, 4)
    assert len(kit.changes()) == before
    # Another file with the same rows is another import.
    report = await BulkImport("g").run(MIXED, commands)
    assert (report.applied, report.unchanged, report.refused) == (0, 2, 5)
    assert report.by_code["contract_exists"] == 1


async def test_an_interrupted_import_is_resumed_without_duplicates() -> None:
    kit = Testkit()
    commands = KitCommands(kit)

    def rows() -> Iterator[Row]:
        yield from contracts(60)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await BulkImport("f").run(rows(), commands, window=10)
    report = await BulkImport("f").run(contracts(100), commands, window=10)
    assert (report.applied, report.duplicates, report.refused) == (40, 60, 0)
    assert len(kit.changes()) == 100


async def test_no_more_than_a_window_is_under_way() -> None:
    commands = KitCommands(Testkit())
    await BulkImport("f").run(contracts(100), commands, window=7)
    assert 1 < commands.under_way <= 7


@pytest.mark.parametrize("failure", [ResultTimeout("no result"), BrokerUnavailable("away")])
async def test_a_server_that_is_away_ends_it_with_what_is_known(failure: Exception) -> None:
    commands = KitCommands(Testkit())
    commands.fail_after, commands.failure = 30, failure
    importing = BulkImport("f")
    with pytest.raises(type(failure)):
        await importing.run(contracts(1_000), commands, window=5)
    assert importing.report.applied == 29
    assert commands.submitted < 50


async def test_the_same_file_may_be_taken_another_way() -> None:
    """What was refused as a new contract may be one to adopt: no duplicate of what was refused."""
    kit = Testkit()
    commands = KitCommands(kit)
    start, end = kit.now - timedelta(days=400), kit.now + timedelta(days=3)
    data = {"contract_type": "basic", "start_date": start, "term_months": 1}
    report = await BulkImport("f").run([Row("1", "create", "a", data)], commands)
    assert report.by_code == {"invalid_terms": 1}
    data |= {"contract_id": "old", "status": "active", "end_date": end}
    data |= {"base_monthly_fee": 1, "usage_limits": {}}
    for wanted in ("applied", "duplicates"):
        report = await BulkImport("f").run([Row("1", "adopt", "a", data)], commands)
        assert asdict(report)[wanted] == 1


async def test_a_document_that_was_mended_is_tried_again_and_what_is_adopted_stays() -> None:
    kit = Testkit()
    commands = KitCommands(kit)
    document = {
        "_id": "7",
        "account_id": "a",
        "contract_type": "basic",
        "status": "expired",
        "start_date": datetime(2025, 1, 1, tzinfo=UTC),
        "end_date": datetime(2026, 6, 1, tzinfo=UTC),
        "base_monthly_fee": 1,
        "usage_limits": {},
    }

    async def adopted() -> ImportReport:
        async def documents() -> AsyncIterator[dict[str, Any]]:
            yield document

        return await BulkImport("old.contracts").run(document_rows(documents()), commands)

    assert (await adopted()).by_code == {"invalid_terms": 1}
    document["status"] = "active"
    assert (await adopted()).applied == 1
    assert (await adopted()).duplicates == 1
    document["base_monthly_fee"] = 2
    assert (await adopted()).by_code == {"contract_exists": 1}
    assert kit.contract("a")["base_monthly_fee"] == 1


async def test_a_dry_run_finds_repeats_within_its_source() -> None:
    """150 rows with one contract id, and 150 with one account: all but the first would be refused."""
    adopted = {"contract_type": "basic", "base_monthly_fee": 1, "usage_limits": {}, "status": "active"}
    adopted |= {"start_date": "2020-01-01", "end_date": "2120-01-01"}
    rows = [Row(f"i{n}", "adopt", f"a{n}", adopted | {"contract_id": "same"}) for n in range(150)]
    rows += [Row(f"n{n}", "create", "one", {"contract_type": "basic"}) for n in range(150)]
    refused: list[RefusedRow] = []
    report = await BulkImport("f", on_refused=refused.append).check(rows)
    assert report.by_code == {"contract_id_taken": 149, "contract_exists": 149}
    assert (refused[-1].place, refused[-1].message) == (
        "n149",
        "the account already has a contract, from row n0",
    )
    # What the service would find, too.
    assert (await BulkImport("f").run(rows, KitCommands(Testkit()))).by_code == report.by_code


async def test_a_dry_run_knows_what_makes_room_for_a_new_contract() -> None:
    adopted = {"contract_id": "c", "contract_type": "basic", "base_monthly_fee": 1, "usage_limits": {}}
    adopted |= {"start_date": "2020-01-01", "end_date": "2021-01-01", "status": "expired"}
    create = {"contract_type": "basic"}
    rows = [
        Row("1", "adopt", "a", adopted),
        Row("2", "create", "a", create),
        Row("3", "cancel", "a", {}),
        Row("4", "create", "a", create),
        Row("5", "delete", "a", {}),
        Row("6", "adopt", "a", adopted),
    ]
    assert (await BulkImport("f").check(rows)).refused == 0
    assert (await BulkImport("f").run(rows, KitCommands(Testkit()))).refused == 0


async def test_a_dry_run_sends_nothing_and_finds_what_is_wrong_with_new_contracts() -> None:
    refused: list[RefusedRow] = []
    adopted = {"contract_id": "c", "contract_type": "basic", "base_monthly_fee": 1, "usage_limits": {}}
    adopted |= {"start_date": "2020-01-01", "end_date": "2120-01-01", "status": "expired"}
    rows = [
        *MIXED,
        Row("8", "create", "c", {"contract_type": "custom", "term_months": 1}),
        Row("9", "adopt", "d", adopted),
        Row("10", "adopt", "d", adopted | {"status": "active"}),
    ]
    report = await BulkImport("f", on_refused=refused.append).check(rows)
    assert (report.rows, report.by_code) == (10, {NOT_SENT: 3, "invalid_terms": 2})
    assert [row.place for row in refused] == ["2", "3", "7", "8", "9"]
    assert [path for path, _ in refused[3].errors] == ["/base_monthly_fee", "/usage_limits"]

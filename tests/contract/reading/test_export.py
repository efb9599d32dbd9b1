"""What is exported is all there is, and can be imported again."""

import csv
import io
import re
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from consumer.reading import export
from consumer.reading.formulas import harmless, restored
from consumer.reading.reader import ContractReader
from consumer.storage.mongo_queries import MongoQueries
from producers.bulk_json import json_rows
from producers.bulk_rows import Row
from producers.bulk_tables import table_rows
from producers.testkit import Testkit
from schemas.contract import ExportedContract, to_json
from schemas.views import exported as as_exported

CONTRACT = TypeAdapter(ExportedContract)


async def rich(kit: Testkit) -> None:
    await kit.create("plain", contract_type="basic")
    await kit.create(
        "rich",
        contract_type="professional",
        primary_contact={"name": 'Ann "A", Ltd\nsecond line', "email": "ann@example.com"},
        notice_days=[10, 5],
        tags=["a", "b;c"],
        features=["x", "y"],
        add_ons=[{"name": "x", "monthly_fee": 1.25}],
        sla_terms={"uptime_guarantee": 99.95},
        usage_based_pricing={
            "trade_volume_tiers": [{"min_trades": 0, "max_trades": None, "price_per_trade": 0.5}]
        },
        metadata={"a.b": "1", "$c": "2"},
        external_reference="007",
        notes="null",
    )
    await kit.create(
        "odd",
        contract_type="custom",
        base_monthly_fee=0,
        usage_limits={},
        term_months=1,
        notes="one\rtwo",
        tags=[" a", "b "],
        features=["[x]", "null"],
        metadata={"k": "\r"},
    )
    await kit.change_plan("rich", contract_type="enterprise", effective="at_renewal")
    await kit.create("over", contract_type="basic")
    await kit.move(timedelta(days=3))
    await kit.cancel("over", reason="moved, far")


async def exported(lines: Any) -> bytes:
    return b"".join([line async for line in lines])


def adopted(rows: Any) -> dict[str, Any]:
    """The rows as contracts again."""
    found = {}
    for row in rows:
        assert isinstance(row, Row), row
        found[row.account_id] = CONTRACT.validate_json(to_json({"account_id": row.account_id, **row.data}))
    return found


@pytest.mark.parametrize("form", ["json", "csv"])
async def test_an_export_holds_every_contract_whole(kit: Testkit, reader: ContractReader, form: str) -> None:
    await rich(kit)
    if form == "json":
        text = await exported(export.json_lines(reader.exports(chunk=2)))
        found = adopted(json_rows(text.splitlines(), "adopt"))
    else:
        text = await exported(export.table(reader.exports(chunk=2)))
        found = adopted(table_rows(io.BytesIO(text), "adopt"))
    for account in ("plain", "rich", "odd", "over"):
        expected = dict(as_exported(kit._partition.current[account]))
        if form == "csv":  # an empty cell says nothing
            found[account] = {
                "tags": [],
                "add_ons": [],
                "metadata": {},
                "scheduled_changes": [],
                **found[account],
                "lifecycle": {"noticed": None, "lapse_noticed": None, **found[account]["lifecycle"]},
            }
        assert found[account] == expected


async def test_the_table_has_a_column_for_every_field() -> None:
    columns = {column.partition(".")[0] for column in export.COLUMNS}
    assert columns == set(ExportedContract.__annotations__)
    text = await exported(export.table(nothing()))
    assert next(csv.reader([text.decode()])) == list(export.COLUMNS)


async def nothing() -> Any:
    for each in ():
        yield each


async def test_json_lines_are_contracts_as_events_have_them_and_what_decides_their_future(
    kit: Testkit, queries: MongoQueries, reader: ContractReader
) -> None:
    await rich(kit)
    lines = (await exported(export.json_lines(reader.exports(status="cancelled")))).splitlines()
    (line,) = map(orjson.loads, lines)
    notices = {"noticed": None, "lapse_noticed": None}
    assert line.pop("lifecycle") == {"anchor_day": 1, "end_given": False, "has_paid": True, **notices}
    assert line == kit.changes("over")[-1].data["contract"]


FORMULAS = (
    '=cmd|" /C calc"!A1',
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    " =1",
    "\uff1d1",
    "a;=1",
    'a;"=1',
    "a\n-1",
)


@pytest.mark.parametrize("separator", [",", "\t"])
async def test_a_spreadsheet_runs_nothing_of_what_is_exported_for_it(
    kit: Testkit, reader: ContractReader, separator: str
) -> None:
    await kit.create(
        "=1+1",
        contract_type="basic",
        notes=FORMULAS[0],
        tags=list(FORMULAS[:4]),
        primary_contact={"name": "@Ann", "email": "ann@example.com", "phone": "+41 44 123 45 67"},
        metadata={"k": "-1", "=k": "v"},
    )
    text = await exported(export.table(reader.exports(), separator, spreadsheet_safe=True))
    _, *rows = csv.reader(io.StringIO(text.decode(), newline=""), delimiter=separator)
    cells = [part for row in rows for cell in row for part in re.split("[,;\t\r\n]", cell)]
    assert "'+41 44 123 45 67" in cells
    assert [cell for cell in cells if re.match(r"[\s\"']*[=+\-@]", cell) and cell[0] != "'"] == []
    back = adopted(table_rows(io.BytesIO(text), "adopt", spreadsheet_safe=True))["=1+1"]
    expected = as_exported(kit._partition.current["=1+1"])
    for name in ("notes", "tags", "primary_contact", "metadata"):
        assert back[name] == expected[name]  # type: ignore[literal-required]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_has_a_quote_before_it(text: str) -> None:
    written = harmless(text)
    assert written != text
    assert written.replace("'", "") == text
    assert restored(written) == text


@pytest.mark.parametrize(
    "text", ["", "a", "a=b", "ann@example.com", "2027-01-31", "'quoted'", "a, b", '["x","y"]']
)
def test_what_is_no_formula_stays_as_it_is(text: str) -> None:
    assert harmless(text) == restored(text) == text


@given(st.text(alphabet=";,=+-@'\"\t\r\n a\uff1d"))
def test_what_was_made_harmless_comes_back(text: str) -> None:
    assert restored(harmless(text)) == text

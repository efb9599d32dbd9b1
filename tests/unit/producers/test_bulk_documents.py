"""Documents of another system become rows, and money is not rounded on its way in from any source."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from bson import Decimal128, ObjectId

from consumer.errors import InputRefused
from consumer.storage.foreign_values import id_text, readable
from producers.bulk_rows import BadRow, Row, document_rows
from producers.cells import data_from
from producers.messages import command_message
from schemas.commands import COMMANDS
from tests.unit.producers.rows import jsonl, table


async def test_documents_of_another_system() -> None:
    name = ObjectId()

    async def documents() -> Any:
        document = {
            "account_id": "a",
            "plan": "basic",
            "internal": 1,
            "base_monthly_fee": Decimal128("9.50"),
            "end_date": datetime(2027, 1, 1),  # noqa: DTZ001 - as pymongo gives them
            "notes": None,
            "primary_contact": {"email": "ann@example.com", "phone": None},
            "features": ["x"],
        }
        yield readable(document) | {"_id": id_text(name)}
        yield {"_id": "7", "contract_id": "c-7"}
        yield {"_id": None, "account_id": "a"}

    rows = [row async for row in document_rows(documents(), {"plan": "contract_type", "internal": ""})]
    assert rows[0] == Row(
        str(name),
        "adopt",
        "a",
        {
            "contract_id": str(name),
            "contract_type": "basic",
            "base_monthly_fee": Decimal("9.50"),
            "end_date": datetime(2027, 1, 1, tzinfo=UTC),
            "primary_contact": {"email": "ann@example.com"},
            "features": ["x"],
        },
    )
    assert isinstance(rows[1], BadRow)
    assert (rows[2].place, rows[2].errors[0][0]) == ("document 3", "/_id")


def _refused(row: Any) -> list[Any]:
    assert isinstance(row, Row)
    with pytest.raises(InputRefused) as refused:
        command_message(row.name, row.account_id, row.data, source="/s")
    return list(refused.value.errors)


DIGITS = ("/base_monthly_fee", "must have at most 15 significant digits")
FINITE = ("/base_monthly_fee", "must be a finite number")


async def test_money_is_not_rounded_on_its_way_in() -> None:
    long = "999999999999999.99"
    (line,) = jsonl(f'{{"account_id": "a", "contract_type": "basic", "base_monthly_fee": {long}}}')
    (cells,) = table("account_id,contract_type,base_monthly_fee", f"a,basic,{long}")
    documents = document_rows(each_of(document(Decimal128(long)), document(Decimal128("NaN"))))
    stored, nan = [row async for row in documents]
    assert [_refused(row) for row in (line, cells, stored)] == [[DIGITS]] * 3
    assert _refused(nan) == [FINITE]


def document(fee: Any) -> dict[str, Any]:
    dates = {"start_date": datetime(2026, 1, 1), "end_date": datetime(2027, 1, 1)}  # noqa: DTZ001
    terms = {"contract_type": "basic", "status": "active", "usage_limits": {}}
    return {"_id": 1, "account_id": "a", "base_monthly_fee": fee, **dates, **terms}


async def each_of(*documents: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    for each in documents:
        yield readable(each) | {"_id": "1"}


def test_a_long_number_in_a_cell_with_json_is_not_rounded_either() -> None:
    add_ons = '[{"name": "x", "monthly_fee": 0.10000000000000000001}]'
    data = data_from(COMMANDS["create"], {"contract_type": "basic", "add_ons": add_ons})
    assert data["add_ons"][0]["monthly_fee"] == Decimal("0.10000000000000000001")

"""JSON that is no line of its own, lines that are no JSON, and what mongoexport writes of either."""

import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from bson import Binary, Decimal128, Int64, ObjectId, json_util
from bson.binary import UuidRepresentation

from producers.bulk_files import rows_of
from producers.bulk_json import json_items, json_rows
from producers.bulk_rows import NO_DOCUMENT, BadRow, Row
from producers.bulk_tables import table_rows

END = datetime(2027, 1, 31, tzinfo=UTC)
OBJECT_ID = "65f0c0ffee0123456789abcd"
UUID_TEXT = "00112233-4455-6677-8899-aabbccddeeff"


def told(rows: Any) -> list[tuple[str, str]]:
    return [(row.place, row.account_id if isinstance(row, Row) else row.message) for row in rows]


def test_a_bad_line_is_told_by_its_own_number_and_its_own_column() -> None:
    lines = [
        b'{"account_id": "a"}\n',
        b'{"account_id": "caf\xe9"}\n',
        b'{"account_id": "b\0"}\n',
        b"\n",
        b'{"account_id" 1}\r\n',
        b'{"account_id": "c"}',
    ]
    assert told(json_rows(lines)) == [
        ("1", "a"),
        ("2", "has the byte 0xE9 at column 20, which is not UTF-8"),
        ("3", "is not JSON: unexpected control character in string: column 18"),
        ("5", "is not JSON: unexpected character, expected ':' after key: column 15"),
        ("6", "c"),
    ]


FORMS = {
    "array on one line": '[{"account_id":"a"},{"account_id":"]},["},{"account_id":"c","tags":["x"]}]\n',
    "array": '[\n {"account_id":"a"},\n {"account_id":"]},["}\n,{"account_id":"c","tags":["x"]}\n]',
    "over several lines": '{\n"account_id":"a"\n}\n{\r\n"account_id":"]},["}\n{"account_id":"c"}',
    "arrays one after the other": '[{"account_id":"a"}]\n[{"account_id":"]},["},{"account_id":"c"}]',
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("block", [4, 7, 1 << 16])
def test_objects_that_do_not_stand_on_a_line_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, mark: str, block: int
) -> None:
    monkeypatch.setattr("producers.bulk_json._BLOCK_BYTES", block)
    path = tmp_path / "contracts.json"
    path.write_text(mark + FORMS[form], encoding="utf-8")
    assert told(rows_of(path)) == [("item 1", "a"), ("item 2", "]},["), ("item 3", "c")]


def test_a_bad_item_is_one_refused_row() -> None:
    text = b'[{"account_id":"a"}, {"account_id" 1}, 7, nonsense, {"account_id":"\xff{"}, {"account_id":"b"}]'
    rows = told(json_items(io.BytesIO(text)))
    assert [place for place, _ in rows] == [f"item {number}" for number in range(1, 7)]
    assert (rows[0][1], rows[5][1]) == ("a", "b")
    assert rows[1][1] == "is not JSON: unexpected character, expected ':' after key: column 15"
    assert rows[2][1] == "is not a JSON object"
    assert rows[4][1] == "has the byte 0xFF at column 16, which is not UTF-8"


@pytest.mark.parametrize(
    "text", ['[{"account_id":"a"},', '[{"account_id":"a"}', '[{"account_id":"a"},{"x": "', "["]
)
def test_an_array_that_breaks_off_is_told(text: str) -> None:
    *rows, (_, last) = told(json_items(io.BytesIO(text.encode())))
    assert last == "is not complete: the file ends before its brackets are closed"
    assert [account for _, account in rows] == ["a"] * ("a" in text)


def test_brackets_that_do_not_match_do_not_fill_the_memory() -> None:
    text = b'[{"account_id":"a"},{"account_id":{"b"},' + b'{"account_id":"c"},' * 200_000
    rows = told(json_items(io.BytesIO(text)))
    assert rows[0] == ("item 1", "a")
    assert rows[1][1].startswith("has more than 1048576 bytes, or its brackets do not match")
    assert len(rows) == 2


DOCUMENT = {
    "_id": ObjectId(OBJECT_ID),
    "account_id": "a",
    "contract_type": "custom",
    "end_date": END,
    "base_monthly_fee": Decimal128("9.50"),
    "term_number": 3,
    "version": Int64(7),
    "sla_terms": {"uptime_guarantee": 99.5},
    "notes": None,
    "external_reference": Binary.from_uuid(UUID(UUID_TEXT)),
    "add_ons": [{"name": "x", "monthly_fee": Decimal128("1.25")}],
    "metadata": {"$oid": "of its own"},
}
ADOPTED = {
    "contract_id": OBJECT_ID,
    "contract_type": "custom",
    "end_date": END,
    "base_monthly_fee": Decimal("9.50"),
    "term_number": 3,
    "version": 7,
    "sla_terms": {"uptime_guarantee": 99.5},
    "external_reference": UUID_TEXT,
    "add_ons": [{"name": "x", "monthly_fee": Decimal("1.25")}],
    "metadata": {"$oid": "of its own"},
}


@pytest.mark.parametrize("mode", ["RELAXED", "CANONICAL", "LEGACY"])
def test_documents_as_mongoexport_writes_them(mode: str) -> None:
    options = getattr(json_util, f"{mode}_JSON_OPTIONS").with_options(
        uuid_representation=UuidRepresentation.STANDARD
    )
    # UUIDs of the older form stay as they are, to be refused.
    left_out = {"external_reference"} if mode == "LEGACY" else set()
    document = {name: value for name, value in DOCUMENT.items() if name not in left_out}
    line = json_util.dumps(document, json_options=options).encode()
    (row,) = json_rows([line], "adopt")
    assert isinstance(row, Row), row
    assert (row.place, row.name, row.account_id) == ("1", "adopt", "a")
    assert row.data == {name: value for name, value in ADOPTED.items() if name not in left_out}


@pytest.mark.parametrize(
    ("identity", "text"),
    [
        ({"$oid": OBJECT_ID.upper()}, OBJECT_ID),
        ("c-1", "c-1"),
        (7, "7"),
        ({"$numberLong": "7"}, "7"),
        ({"$numberDecimal": "7.10"}, "7.10"),
        ({"$date": "2027-01-31T00:00:00Z"}, "2027-01-31T00:00:00.000Z"),
        ({"$date": {"$numberLong": "-1"}}, "1969-12-31T23:59:59.999Z"),
        ({"$uuid": UUID_TEXT}, UUID_TEXT),
        ({"$oid": "short"}, None),
        ({"$date": "2027-01-31T24:00:00Z"}, None),
        ({"$date": {"$numberLong": "9" * 18}}, None),
        ({"$numberDecimal": "NaN"}, None),
        ({"$binary": {"base64": "ABEiM0RVZneImaq7zN3u/w==", "subType": "03"}}, None),
        ({"part": 1}, None),
        (True, None),
    ],
)
def test_ids_are_the_text_that_a_connection_to_the_database_would_give(
    identity: Any, text: str | None
) -> None:
    (row,) = json_rows([json.dumps({"_id": identity, "account_id": "a"}).encode()], "adopt")
    if text is None:
        assert isinstance(row, BadRow)
        assert row.errors[0][0] == "/_id"
        assert row.message.startswith("/_id must be text, ")
    else:
        assert isinstance(row, Row)
        assert row.data == {"contract_id": text}


def test_a_document_is_only_adopted() -> None:
    (row,) = json_rows([b'{"_id": {"$oid": "%s"}, "account_id": "a"}' % OBJECT_ID.encode()])
    assert row == BadRow("1", NO_DOCUMENT, (("/_id", NO_DOCUMENT),))


@pytest.mark.parametrize(
    "value",
    [{"$numberInt": "x"}, {"$numberInt": 7}, {"$numberLong": "9" * 20}, {"$timestamp": {"t": 1, "i": 1}}],
)
def test_what_has_no_plain_form_stays_for_the_schema_to_refuse(value: Any) -> None:
    (row,) = json_rows([json.dumps({"account_id": "a", "term_months": value}).encode()])
    assert isinstance(row, Row)
    assert row.data == {"term_months": value}


def test_tables_as_mongoexport_writes_them() -> None:
    text = (
        "_id,account_id,end_date,base_monthly_fee,external_reference,notes,notice_days,add_ons\n"
        f"ObjectId({OBJECT_ID}),a,2027-01-31T00:00:00.000Z,NumberDecimal(9.50),ObjectId({OBJECT_ID}),"
        f"ObjectId({OBJECT_ID}),"
        '"[{""$numberInt"":""90""},30]","[{""name"":""x"",""monthly_fee"":{""$numberDecimal"":""1.25""}}]"\n'
    )
    (row,) = table_rows(io.BytesIO(text.encode()), "adopt")
    assert isinstance(row, Row)
    assert row.data == {
        "contract_id": OBJECT_ID,
        "end_date": "2027-01-31T00:00:00.000Z",
        "base_monthly_fee": 9.5,
        "external_reference": OBJECT_ID,
        "notes": f"ObjectId({OBJECT_ID})",
        "notice_days": [90, 30],
        "add_ons": [{"name": "x", "monthly_fee": Decimal("1.25")}],
    }

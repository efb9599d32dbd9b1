"""Tables as spreadsheets and people make them: each row by itself, by the line it begins on."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from producers.bulk_files import rows_of
from producers.bulk_rows import BadRow, Row
from producers.bulk_tables import table_rows

HEADING = b"account_id,notes,tags\n"
NOT_CLOSED = 'has a quote that is not closed, or one inside a cell that is not written twice ("")'


def told(text: bytes, **options: Any) -> list[tuple[str, str]]:
    """Of each row its line, and its account or what is wrong with it."""
    rows = table_rows(io.BytesIO(text), **options)
    return [(row.place, row.account_id if isinstance(row, Row) else row.message) for row in rows]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (b"b,caf\xe9,x", "has the byte 0xE9 in column notes, which is not UTF-8: save the file as UTF-8"),
        (
            b"b,\xed\xa0\x80,x",
            "has the byte 0xED in column notes, which is not UTF-8",
        ),
        (b"b,x,y\0z", "has a NUL byte in column tags"),
        (b"b,x", "has 2 cells, but the heading has 3 columns"),
        (b"b,x,y,z", "has 4 cells, but the heading has 3 columns"),
        (b'b,"x"y,z', NOT_CLOSED),
        (b'b,"x,y', NOT_CLOSED),
        (b"b,x\ry,z", "has a carriage return in a cell without quotes"),
        (b"b," + b"x" * 200_000 + b",z", "has a cell of more than 131072 characters"),
    ],
)
def test_a_bad_row_is_one_refused_row(row: bytes, why: str) -> None:
    rows = list(table_rows([HEADING, b"a,x,y\n", row + b"\n", b"c,x,y\n", b'd,"x\n', b'x",y\n', b"e,x,y\n"]))
    (bad,) = [each for each in rows if isinstance(each, BadRow)]
    assert (bad.place, bad.message[: len(why)]) == ("3", why)
    good = [(each.place, each.account_id) for each in rows if isinstance(each, Row)]
    assert good == [("2", "a"), ("4", "c"), ("5", "d"), ("7", "e")]


def test_a_quote_that_nothing_closes_takes_no_other_row_along() -> None:
    assert told(HEADING + b'a,"x,y\nb,x,y\nc,x,y\n') == [("2", NOT_CLOSED), ("3", "b"), ("4", "c")]
    many = b"".join(b"n%d,x,y\n" % number for number in range(20_000))
    rows = told(HEADING + b'a,"x,y\n' + many)
    assert rows[0][0] == "2"
    assert "a quote that is not closed" in rows[0][1]
    assert rows[1:] == [(str(number + 3), f"n{number}") for number in range(20_000)]


def test_a_row_is_named_by_its_first_line() -> None:
    text = b"\n\n" + HEADING + b'\na,"1\n2\n\n4",y\nb,x\nc,"1\r\n2",y\r\nd\n'
    assert told(text) == [
        ("5", "a"),
        ("9", "has 2 cells, but the heading has 3 columns"),
        ("10", "c"),
        ("12", "has 1 cells, but the heading has 3 columns"),
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("named", [False, True])
def test_separators_line_ends_and_a_byte_order_mark(
    tmp_path: Path, separator: str, end: str, mark: str, named: bool
) -> None:
    path = tmp_path / "table.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        file.write(mark + (f"sep={separator}{end}" if named else ""))
        rows = [["account_id", "notes", "tags"], ["a", f'1{end}"{separator}"', "x;y"], ["b", "ä", ""]]
        csv.writer(file, delimiter=separator, lineterminator=end).writerows(rows)
    first = 3 if named else 2
    assert list(rows_of(path)) == [
        Row(str(first), "create", "a", {"notes": f'1{end}"{separator}"', "tags": ["x", "y"]}),
        Row(str(first + 2), "create", "b", {"notes": "ä"}),
    ]


def test_the_account_need_not_be_in_the_first_column() -> None:
    assert told(b"notes;account_id\nx,y;a\n") == [("2", "a")]
    assert told(b'"notes";"account_id"\nx;a\n') == [("2", "a")]


def test_empty_columns_and_rows_at_the_end_are_passed_over() -> None:
    text = b"account_id , notes,,\na,x,,\nb,x\n,,,\n\nc,x,,,,,\nd,x,,y\n"
    assert told(text) == [
        ("2", "a"),
        ("3", "b"),
        ("6", "c"),
        ("7", "has 4 cells, but the heading has 2 columns"),
    ]


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        (b"", "1", "is missing: the file is empty"),
        (b"\xef\xbb\xbf\r\n\r\n", "1", "is missing: the file is empty"),
        (b"account_id,,notes\na,x,y\n", "1", "has no name for column 2"),
        (b"account_id,notes, notes\na,x,y\n", "1", "has more than one column 'notes'"),
        (b"\naccount_id,\xe9\na,x\n", "2", "has the byte 0xE9 in column 2, which is not UTF-8"),
        (b'account_id,"notes\na,x\n', "1", NOT_CLOSED),
        (
            b"account_id,notes\ra,x\rb,y\r",
            "1",
            "has a carriage return in a cell without quotes",
        ),
    ],
)
def test_a_heading_that_is_none_is_all_that_is_told(text: bytes, line: str, why: str) -> None:
    (bad,) = table_rows(io.BytesIO(text))
    assert isinstance(bad, BadRow)
    assert (bad.place, bad.message.removeprefix("the heading ")[: len(why)]) == (line, why)


def test_a_decimal_comma_is_no_number() -> None:
    (row,) = table_rows([b"account_id;base_monthly_fee\n", b"a;99,50\n"])
    assert isinstance(row, Row)
    assert row.data == {"base_monthly_fee": "99,50"}


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("t.csv", "account_id,notes\na,ä\n".encode("utf-16"), "is UTF-16"),
        ("t.csv", "account_id,notes\na,ä\n".encode("utf-16-be"), "is UTF-16"),
        ("t.jsonl", '{"account_id": "a"}\n'.encode("utf-16-le"), "is UTF-16"),
        ("t.xlsx", b"PK\x03\x04\x14\0", "is a spreadsheet or an archive"),
        ("t.jsonl.gz", b"\x1f\x8b\x08\0", "is compressed"),
    ],
)
def test_files_of_other_kinds_are_named(tmp_path: Path, name: str, content: bytes, why: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    (bad,) = rows_of(path)
    assert isinstance(bad, BadRow)
    assert (bad.place, bad.message.startswith(f"the file {why}")) == ("1", True)


def test_json_in_a_cell_is_as_strict_as_elsewhere(tmp_path: Path) -> None:
    """What is nested too deeply ended the import as a defect; of a name given twice, the last counted."""
    path = tmp_path / "rows.csv"
    path.write_text(
        "account_id,contract_type,features,metadata\n"
        f"a,basic,{'[' * 500 + ']' * 500},\n"
        'b,basic,,"{""a"": ""1"", ""a"": ""2""}"\n'
        'c,basic,,"{""a"": ""1""}"\n'
    )
    deep, twice, good = rows_of(path)
    assert isinstance(deep, Row)
    assert deep.data["features"] == "[" * 500 + "]" * 500
    assert isinstance(twice, Row)
    assert twice.data["metadata"] == '{"a": "1", "a": "2"}'
    assert isinstance(good, Row)
    assert good.data["metadata"] == {"a": "1"}

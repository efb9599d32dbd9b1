"""Rows of files and tables: what they become, and what is said of those that are none."""

import csv
import os
from pathlib import Path
from typing import Any

import pytest

from producers.bulk_files import rows_of, survey
from producers.bulk_rows import NO_DOCUMENT, BadRow, Row
from producers.cells import data_from
from schemas.commands import COMMANDS
from tests.unit.producers.rows import jsonl, table


def test_contracts_and_commands_in_one_file() -> None:
    assert jsonl(
        '{"account_id": "a", "contract_type": "basic"}',
        "",
        '{"command": "update", "account_id": "a", "data": {"changes": {"notes": "x"}}}',
        '{"command": "activate", "account_id": "a"}',
    ) == [
        Row("1", "create", "a", {"contract_type": "basic"}),
        Row("3", "update", "a", {"changes": {"notes": "x"}}),
        Row("4", "activate", "a", {}),
    ]
    assert jsonl('{"account_id": "a"}', contracts_as="adopt") == [Row("1", "adopt", "a", {})]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "is not JSON"),
        ('{"account_id": "a", "account_id": "b"}', "gives `account_id` twice"),
        ("[1]", "is not a JSON object"),
        ('{"contract_type": "basic"}', "/account_id is required"),
        ('{"account_id": 7}', "/account_id is required"),
        ('{"command": "explode", "account_id": "a"}', "no command 'explode'"),
        ('{"command": ["update"], "account_id": "a"}', "no command"),
        ('{"command": "update", "account_id": "a", "changes": {}}', "not 'changes'"),
        ('{"command": "update", "account_id": "a", "data": []}', "/data must be an object"),
        ('{"account_id": "' + "x" * (1 << 20) + '"}', "has more than 1048576 bytes"),
    ],
)
def test_a_bad_line_says_why_and_the_next_is_read(line: str, told: str) -> None:
    bad, good = jsonl(line, '{"account_id": "a"}')
    assert isinstance(bad, BadRow)
    assert (bad.place, told in bad.message) == ("1", True)
    assert good == Row("2", "create", "a", {})


TABLE = """\
account_id,contract_type,base_monthly_fee,auto_renewal,term_months,features,notice_days,end_date,primary_contact.email\
,usage_limits.max_monthly_trades,metadata.a,external_reference,add_ons
acme,basic,99.50,No,6,"api_access; email_support","90;30",2027-01-31,ann@example.com\
,1000,1,007,"[{""name"": ""x"", ""monthly_fee"": 1}]"
beta,enterprise,,,,,,,,,,,
"""


def test_a_table_with_paths_for_columns() -> None:
    assert table(*TABLE.splitlines()) == [
        Row(
            "2",
            "create",
            "acme",
            {
                "contract_type": "basic",
                "base_monthly_fee": 99.5,
                "auto_renewal": False,
                "term_months": 6,
                "features": ["api_access", "email_support"],
                "notice_days": [90, 30],
                "primary_contact": {"email": "ann@example.com"},
                "usage_limits": {"max_monthly_trades": 1000},
                "metadata": {"a": "1"},
                "end_date": "2027-01-31",
                "external_reference": "007",
                "add_ons": [{"name": "x", "monthly_fee": 1}],
            },
        ),
        Row("3", "create", "beta", {"contract_type": "enterprise"}),
    ]


def test_a_table_of_commands() -> None:
    lines = [
        "command,account_id,changes.base_monthly_fee,changes.notes,reason",
        "update,a,7,null,",
        "cancel,b,,,moved",
        ",c,,,",
        "explode,d,,,",
    ]
    assert table(*lines) == [
        Row("2", "update", "a", {"changes": {"base_monthly_fee": 7, "notes": None}}),
        Row("3", "cancel", "b", {"reason": "moved"}),
        Row("4", "create", "c", {}),
        BadRow("5", f"there is no command 'explode'; known: {', '.join(COMMANDS)}"),
    ]


@pytest.mark.parametrize(
    ("heading", "told"),
    [
        ("account_id,notes,notes", "the heading has more than one column 'notes'"),
        (
            "account|notes",
            "the heading has no column 'account_id'; columns are separated by commas, semicolons or tabs",
        ),
        ("account_id,,notes", "the heading has no name for column 2"),
        ("account_id,_id,notes", f"the heading has a column '_id': {NO_DOCUMENT}"),
    ],
)
def test_a_heading_that_cannot_be_meant_is_refused_at_once(heading: str, told: str) -> None:
    assert table(heading, "a,x,y", "b,x,y") == [BadRow("1", told)]


def test_files_of_windows_are_read(tmp_path: Path) -> None:
    lines, table = tmp_path / "lines.jsonl", tmp_path / "table.csv"
    lines.write_bytes(b'\xef\xbb\xbf{"account_id": "a"}\r\n{"account_id": "b"}\r\n')
    table.write_bytes(b"\xef\xbb\xbfaccount_id,notes\r\na,\r\nb,\r\n")
    assert [row.account_id for row in rows_of(lines)] == ["a", "b"]
    assert [row.account_id for row in rows_of(table)] == ["a", "b"]


@pytest.mark.parametrize(
    ("column", "cell", "value"),
    [
        ("base_monthly_fee", "abc", "abc"),
        ("base_monthly_fee", "true", "true"),
        ("auto_renewal", "maybe", "maybe"),
        ("features", "", None),
        ("unknown.path", "x", {"path": "x"}),
        ("notes", "null", "null"),
        ("metadata", '{"a": "b"}', {"a": "b"}),
        ("metadata", "{broken", "{broken"),
        ("notice_days", "90", [90]),
    ],
)
def test_what_a_cell_cannot_be_stays_text_for_the_schema_to_refuse(
    column: str, cell: str, value: Any
) -> None:
    assert data_from(COMMANDS["create"], {column: cell}).get(column.partition(".")[0]) == value


def test_columns_that_contradict_each_other_do_not_crash() -> None:
    assert data_from(COMMANDS["create"], {"notes": "x", "notes.a": "y"}) == {"notes": "x"}
    assert data_from(COMMANDS["create"], {"metadata.a": "y", "metadata": '{"b": "z"}'}) == {
        "metadata": {"a": "y"}
    }


def test_files_are_told_by_their_content(tmp_path: Path) -> None:
    one, other = tmp_path / "one.jsonl", tmp_path / "other.csv"
    one.write_text('{"account_id": "a"}\n')
    with other.open("w", newline="") as file:
        csv.writer(file).writerows([["account_id", "notes"], ["a", "two\nlines"], ["b", "ä"]])
    assert list(rows_of(one)) == [Row("1", "create", "a", {})]
    # A row is named by the line it begins on: a cell may have several.
    assert list(rows_of(other, "adopt")) == [
        Row("2", "adopt", "a", {"notes": "two\nlines"}),
        Row("4", "adopt", "b", {"notes": "ä"}),
    ]
    assert survey(one) == survey(one) != survey(other)
    assert (survey(one)[1], survey(other)[1]) == (1, 4)
    before, _ = survey(one)
    one.write_text('{"account_id": "b"}\n')
    assert survey(one)[0] != before


def test_a_pipe_is_refused_as_it_can_be_read_only_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="it is not a regular file"):
        survey(pipe)

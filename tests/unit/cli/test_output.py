"""What commands print: lines of tabs, JSON, and text that can drive no terminal."""

import io
import json
import sys
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count

import pytest

from consumer.cli.output import as_text, document_or_json, progress, table_or_json, to_json

ROWS = [
    {
        "account_id": "acme",
        "fee": Decimal("99.50"),
        "at": datetime(2026, 1, 31, tzinfo=UTC),
        "tags": ["a", "b"],
    },
    {"account_id": "[bold]beta[/bold]", "fee": Decimal(99), "at": None, "tags": []},
]


def test_json_has_all_fields_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    table_or_json(ROWS, ("account_id",), as_json=True)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"account_id": "acme", "fee": 99.5, "at": "2026-01-31T00:00:00Z", "tags": ["a", "b"]},
        {"account_id": "[bold]beta[/bold]", "fee": 99, "at": None, "tags": []},
    ]


def test_a_pipe_gets_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    table_or_json(ROWS, ("account_id", "fee", "at", "tags"), as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "account_id\tfee\tat\ttags",
        "acme\t99.50\t2026-01-31T00:00:00Z\ta, b",
        "[bold]beta[/bold]\t99\t\t",
    ]


def test_endless_rows_are_printed_as_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    class Enough(Exception):
        pass

    class Out(io.StringIO):
        def write(self, text: str) -> int:
            if self.getvalue().count("\n") > 5:
                raise Enough
            return super().write(text)

    monkeypatch.setattr(sys, "stdout", Out())
    with pytest.raises(Enough):
        table_or_json(({"n": number} for number in count()), ("n",), as_json=True)


def test_a_document_is_one_object_or_its_paths(capsys: pytest.CaptureFixture[str]) -> None:
    document = {"status": "active", "primary_contact": {"name": "Jane"}, "metadata": {}}
    document_or_json(document, as_json=True)
    document_or_json(document, as_json=False)
    as_object, *lines = capsys.readouterr().out.splitlines()
    assert json.loads(as_object) == document
    assert lines == ["status\tactive", "primary_contact.name\tJane", "metadata\t{}"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("two\nlines\tand a tab", "two\\nlines\\tand a tab"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("مرحبا 🙂", "مرحبا 🙂"),
        (True, "yes"),
        (None, ""),
        ([{"a": 1}], '[{"a":1}]'),
    ],
)
def test_no_text_can_drive_the_terminal(value: object, text: str) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize("value", [b"\xff", {1: "key"}, {"set"}, object])
def test_everything_can_be_json(value: object) -> None:
    json.loads(to_json({"value": value}))


def test_progress_is_silent_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("importing", 3) as advance:
        advance(3)
    assert capsys.readouterr() == ("", "")


def test_that_there_is_nothing_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    table_or_json([], ("a", "b"), as_json=False)
    assert capsys.readouterr() == ("a\tb\n", "nothing to show\n")
    table_or_json(iter(()), ("a", "b"), as_json=True)
    assert capsys.readouterr() == ("", "nothing to show\n")

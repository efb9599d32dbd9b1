"""A command is one file, and what must hold of all of them is checked as the program starts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from consumer.domain.commands.table import HANDLERS
from schemas.commands import COMMANDS
from schemas.completeness import Incomplete, complete

CONSUMER = Path(__file__).parents[3] / "consumer"
FOLDER = CONSUMER / "domain" / "commands"


def test_every_command_has_a_file_and_no_file_has_none():
    files = {path.stem for path in FOLDER.glob("*.py")} - {"__init__", "table"}
    assert files == HANDLERS.keys() == COMMANDS.keys()


def test_the_decider_knows_no_command_by_name():
    source = (CONSUMER / "domain" / "decider.py").read_text("utf-8")
    assert [name for name in HANDLERS if re.search(rf"[\"']{name}[\"']", source)] == []


@pytest.mark.parametrize("room", ["engine", "storage", "kafka", "reading"])
def test_nothing_outside_of_the_domain_knows_an_erasure_by_its_name(room):
    sources = {path: path.read_text("utf-8") for path in (CONSUMER / room).glob("*.py")}
    assert sources
    assert [path.name for path, source in sources.items() if re.search(r"[\"']erase[\"']", source)] == []


def test_a_forgotten_row_is_named_with_the_table_that_lacks_it():
    with pytest.raises(Incomplete, match=r"^ROWS in rows\.py has no row for b, c: add it$"):
        complete({"a": 1}, ("a", "b", "c"), "ROWS in rows.py")


def test_a_row_too_many_is_named():
    with pytest.raises(
        Incomplete, match=r"^ROWS in rows\.py has a row for z, which does not exist: remove it$"
    ):
        complete({"a": 1, "z": 2}, ("a",), "ROWS in rows.py")


def test_a_whole_table_stays_as_it_is():
    assert complete({"b": 1, "a": 2}, ("a", "b"), "ROWS") == {"b": 1, "a": 2}

"""The table "Where a change goes" in CONTRIBUTING.md names files that exist, and names that they contain."""

import re

import pytest

from tests.docs.texts import ROOT

_PATH = re.compile(r"`([\w./]+(?:\.\w+|/))`")
_NAME_IN_PATH = re.compile(r"`(\w+)`(?: and a method of `(\w+)`)? in `([\w./]+\.\w+)`")

TABLE = (
    (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## Where a change goes")[2].partition("\n## ")[0]
)
ROWS = [
    row for row in TABLE.splitlines() if row.startswith("| ") and not row.startswith(("| change", "| ---"))
]


def test_the_table_has_the_changes_that_people_make_most() -> None:
    assert len(ROWS) >= 15


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_every_file_exists(row: str) -> None:
    assert [path for path in _PATH.findall(row) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_every_name_is_in_its_file(row: str) -> None:
    for *names, path in _NAME_IN_PATH.findall(row):
        text = (ROOT / path).read_text("utf-8")
        assert [name for name in names if name and not re.search(rf"\b{name}\b", text)] == [], path

"""The rows of a table with a heading, as spreadsheets and databases export it.

Lines are read as bytes, so that a mistake in one row concerns this row only. A quote that is not closed would
make one cell of all lines up to the next quote: those lines are read again as separate rows.
"""

from __future__ import annotations

import csv
import re
from codecs import BOM_UTF8
from collections import deque
from typing import TYPE_CHECKING, Final

from consumer.reading.formulas import restored
from producers.bulk_rows import NO_DOCUMENT, BadRow, row_of
from producers.cells import data_from
from schemas.commands import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from producers.bulk_rows import ContractsAs, Row

SEPARATORS: Final = (",", ";", "\t")

_NOT_TEXT: Final = re.compile("[\0\udc80-\udcff]")
"""NUL, and bytes that are not UTF-8, in the form of `surrogateescape`."""
_ESCAPED: Final = 0xDC00
_NAMED_SEPARATOR: Final = re.compile("sep=(.)")
"""A first line by which some spreadsheets name the separator."""
_OBJECT_ID: Final = re.compile(r"ObjectId\(([0-9a-f]{24})\)")
_NAMES: Final = ("_id", "account_id", "contract_id", "external_reference")
"""Columns in which `ObjectId(…)`, as mongoexport writes it, is read as an ObjectId."""


def table_rows(
    lines: Iterable[bytes], contracts_as: ContractsAs = "create", *, spreadsheet_safe: bool = False
) -> Iterator[Row | BadRow]:
    """The rows of a table, separated by commas, semicolons or tabs.

    The place of a row is the number of its first line. Empty rows are skipped.

    Args:
        lines: with their line endings.
        contracts_as: the command for rows without one.
        spreadsheet_safe: the table was written with this option: remove quotes before text that looks like a
            formula.
    """
    source = _Lines(lines)
    records = _records(source, source.separator())
    place, heading = next(records, (1, "is missing: the file is empty"))
    columns = heading if isinstance(heading, str) else _columns(heading)
    if mistake := columns if isinstance(columns, str) else _heading_mistake(columns, contracts_as):
        yield BadRow(str(place), f"the heading {mistake}")
        return
    for place, cells in records:
        mistake = cells if isinstance(cells, str) else _row_mistake(columns, cells)
        if mistake:
            yield BadRow(str(place), mistake)
        elif any(cells):
            texts = map(restored, cells) if spreadsheet_safe else cells
            yield _table_row(str(place), dict(zip(columns, texts, strict=False)), contracts_as)


class _Lines:
    """Lines for `csv.reader`. Lines that became part of a broken row can be read again."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = iter(lines)
        self._again: deque[str] = deque()
        self._taken: list[str] = []
        self._row = 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._decoded(next(self._lines))
        self._taken.append(line)
        return line

    def _decoded(self, line: bytes) -> str:
        at_start = self._row == 1 and not self._taken
        return (line.removeprefix(BOM_UTF8) if at_start else line).decode("utf-8", "surrogateescape")

    def separator(self) -> str:
        """The separator of the cells, found in the heading: the first line that is not empty."""
        for line in self:
            if text := line.strip("\r\n"):
                named = _NAMED_SEPARATOR.fullmatch(text)
                self.end_row(1 if named else 0)
                return named[1] if named else _separator_of(text)
            self.end_row()
        return SEPARATORS[0]

    def end_row(self, lines: int | None = None) -> int:
        """The number of the row's first line. The row has this many lines; default: all lines read for it."""
        first, lines = self._row, len(self._taken) if lines is None else lines
        self._again.extendleft(reversed(self._taken[lines:]))
        self._taken.clear()
        self._row += lines
        return first


def _separator_of(heading: str) -> str:
    names = {each: [name.strip(' "') for name in heading.split(each)] for each in SEPARATORS}
    return next((each for each, found in names.items() if "account_id" in found), SEPARATORS[0])


def _records(lines: _Lines, separator: str) -> Iterator[tuple[int, list[str] | str]]:
    """The number of each row's first line, and its cells or its mistake."""
    reader = csv.reader(lines, delimiter=separator, strict=True)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield lines.end_row(1), _mistake(str(error))
        else:
            yield lines.end_row(), cells


def _mistake(error: str) -> str:
    if "new-line" in error:
        return "has a carriage return in a cell without quotes; do all lines end with it? Then save it again"
    if "field limit" in error:
        return f"has a cell of more than {csv.field_size_limit()} characters, or a quote that is not closed"
    return 'has a quote that is not closed, or one inside a cell that is not written twice ("")'


def _columns(heading: Sequence[str]) -> list[str]:
    """The column names without surrounding spaces. Spreadsheets leave empty columns at the end: dropped."""
    columns = [name.strip() for name in heading]
    while columns and not columns[-1]:
        columns.pop()
    return columns


def _heading_mistake(columns: Sequence[str], contracts_as: ContractsAs) -> str | None:
    if mistake := _byte_mistake(range(1, len(columns) + 1), columns):
        return mistake
    if "" in columns:
        return f"has no name for column {columns.index('') + 1}"
    if twice := {column for column in columns if columns.count(column) > 1}:
        return f"has more than one column {min(twice)!r}"
    if "account_id" not in columns:
        return "has no column 'account_id'; columns are separated by commas, semicolons or tabs"
    if "_id" in columns and contracts_as != "adopt":
        return f"has a column '_id': {NO_DOCUMENT}"
    return None


def _row_mistake(columns: Sequence[str], cells: Sequence[str]) -> str | None:
    if any(cells) and (len(cells) < len(columns) or any(cells[len(columns) :])):
        return f"has {len(cells)} cells, but the heading has {len(columns)} columns"
    return _byte_mistake(columns, cells)


def _byte_mistake(columns: Sequence[object], cells: Sequence[str]) -> str | None:
    if not _NOT_TEXT.search("".join(cells)):
        return None
    number, found = next((at, bad[0]) for at, cell in enumerate(cells) if (bad := _NOT_TEXT.search(cell)))
    if found == "\0":
        return f"has a NUL byte in column {columns[number]}"
    byte = f"0x{ord(found) - _ESCAPED:02X}"
    return f"has the byte {byte} in column {columns[number]}, which is not UTF-8: save the file as UTF-8"


def _table_row(place: str, cells: dict[str, str], contracts_as: ContractsAs) -> Row | BadRow:
    for name in _NAMES:
        if found := _OBJECT_ID.fullmatch(cells.get(name, "")):
            cells[name] = found[1]
    if identity := cells.pop("_id", ""):
        cells["contract_id"] = cells.get("contract_id") or identity
    account_id = cells.pop("account_id", None)
    name = cells.pop("command", "") or contracts_as
    spec = COMMANDS.get(name)
    return row_of(place, name, account_id, data_from(spec, cells) if spec else {})

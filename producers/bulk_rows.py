"""The rows of an import: commands from JSON lines, tables, or documents of another system.

A row is a command of any kind, if it names one:

    {"command": "update", "account_id": "acme", "data": {"changes": {"auto_renewal": false}}}

or else a contract, to be created or adopted:

    {"account_id": "acme", "contract_type": "basic", "end_date": "2027-01-31"}

A table has a column `account_id`, may have one `command`, and for each field one with its path: see cells.py.
"""

from __future__ import annotations

import csv
import hashlib
from codecs import BOM_UTF8
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from producers.cells import data_from
from producers.nulls import without_nulls
from schemas.commands import COMMANDS
from schemas.digits import has_long_numbers, parse_exactly
from schemas.strict_json import NotJson, parse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

ContractsAs = Literal["create", "adopt"]

MAX_LINE_BYTES: Final = 1 << 20
_DIGEST_CHARACTERS: Final = 16


@dataclass(frozen=True, slots=True)
class Row:
    """A command to be published. `place` names it within its source, the same at every reading.

    `revision` tells apart what stands at a place of a source that may change.
    """

    place: str
    name: str
    account_id: str
    data: Mapping[str, Any]
    revision: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is no command; `errors` are (JSON Pointer, what is wrong there)."""

    place: str
    message: str
    errors: tuple[tuple[str, str], ...] = ()


def survey(path: Path) -> tuple[str, int]:
    """What names a file by its content, so that a changed file is another one; and its number of lines.

    Raises:
        OSError: it cannot be read.
    """
    digest, lines = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
            lines += block.count(b"\n")
    return digest.hexdigest()[:_DIGEST_CHARACTERS], lines


def rows_of(path: Path, contracts_as: ContractsAs = "create") -> Iterator[Row | BadRow]:
    """The rows of a file: a table if its name ends in .csv, else JSON lines. Their places are line numbers.

    Raises:
        OSError: it cannot be read.
    """
    if path.suffix.lower() == ".csv":
        with path.open(newline="", encoding="utf-8-sig") as file:
            yield from table_rows(file, contracts_as)
    else:
        with path.open("rb") as file:
            yield from json_rows(file, contracts_as)


def json_rows(lines: Iterable[bytes], contracts_as: ContractsAs = "create") -> Iterator[Row | BadRow]:
    """One JSON object a line; empty lines are passed over."""
    for number, line in enumerate(lines, start=1):
        stripped = (line.removeprefix(BOM_UTF8) if number == 1 else line).strip()
        if stripped:
            yield _json_row(str(number), stripped, contracts_as)


def _json_row(place: str, line: bytes, contracts_as: ContractsAs) -> Row | BadRow:
    if len(line) > MAX_LINE_BYTES:
        return BadRow(place, f"has more than {MAX_LINE_BYTES} bytes")
    document = parse(line)
    if isinstance(document, NotJson):
        return BadRow(place, document.message)
    if not isinstance(document, dict):
        return BadRow(place, "is no JSON object")
    if has_long_numbers(line):
        document = parse_exactly(line)
    if "command" not in document:
        return contract_row(place, document, contracts_as)
    if unknown := document.keys() - {"command", "account_id", "data"}:
        return BadRow(place, f"a command has `command`, `account_id` and `data`, but no {min(unknown)!r}")
    data = document.get("data", {})
    return _row(place, document["command"], document.get("account_id"), data)


def contract_row(place: str, contract: Mapping[str, Any], contracts_as: ContractsAs) -> Row | BadRow:
    """A contract as the command that brings it in."""
    data = {name: value for name, value in contract.items() if name != "account_id"}
    return _row(place, contracts_as, contract.get("account_id"), data)


def table_rows(lines: Iterable[str], contracts_as: ContractsAs = "create") -> Iterator[Row | BadRow]:
    """A table with a heading, comma-separated. A row's place is the line on which it ends."""
    reader = csv.DictReader(lines, strict=True)
    try:
        if mistake := _heading_mistake(reader.fieldnames or ("account_id",)):
            yield BadRow("1", mistake)
            return
        for cells in reader:
            yield _table_row(str(reader.line_num), cells, contracts_as)
    except (csv.Error, UnicodeDecodeError) as error:
        yield BadRow(str(reader.line_num + 1), f"the table cannot be read from here on: {error}")


def _heading_mistake(columns: Sequence[str]) -> str | None:
    if twice := {column for column in columns if columns.count(column) > 1}:
        return f"the heading has more than one column {min(twice)!r}"
    if "account_id" not in columns:
        return "the heading has no column 'account_id'; columns are separated by commas"
    return None


def _table_row(place: str, cells: dict[str, Any], contracts_as: ContractsAs) -> Row | BadRow:
    if None in cells or None in cells.values():
        return BadRow(place, "has not as many cells as the heading")
    account_id = cells.pop("account_id", None)
    name = cells.pop("command", "") or contracts_as
    spec = COMMANDS.get(name)
    return _row(place, name, account_id, data_from(spec, cells) if spec else {})


async def document_rows(
    documents: AsyncIterator[Mapping[str, Any]], fields: Mapping[str, str] | None = None
) -> AsyncIterator[Row | BadRow]:
    """Contracts of another system's collection, to be adopted as they stand.

    Args:
        documents: each with an `_id` as text, which is its place; a contract without a `contract_id` gets it.
            None: it has no standard text form, and the document is refused.
        fields: our names of its fields, where they differ; None: none do. A name mapped to "" is left out.
    """
    number = 0
    async for document in documents:
        number += 1
        place = document["_id"]
        if place is None:
            yield BadRow(f"document {number}", _NO_TEXT, (("/_id", _NO_TEXT),))
            continue
        named = {(fields or {}).get(name, name): value for name, value in document.items() if name != "_id"}
        contract = {"contract_id": place, **{name: value for name, value in named.items() if name}}
        row = contract_row(place, without_nulls(COMMANDS["adopt"], contract), "adopt")
        # Or a document that was refused and then mended would be taken for the one seen before.
        revision = hashlib.sha256(repr(contract).encode()).hexdigest()[:_DIGEST_CHARACTERS]
        yield replace(row, revision=revision) if isinstance(row, Row) else row


def _row(place: str, name: Any, account_id: Any, data: Any) -> Row | BadRow:
    if not isinstance(name, str) or name not in COMMANDS:
        return BadRow(place, f"there is no command {name!r}; known: {', '.join(COMMANDS)}")
    if not isinstance(account_id, str) or not account_id:
        return BadRow(place, "/account_id is required, as text", (("/account_id", "is required, as text"),))
    if not isinstance(data, dict):
        return BadRow(place, "/data must be an object", (("/data", "must be an object"),))
    return Row(place, name, account_id, data)


_NO_TEXT: Final = (
    "must be text, a number, a date, an ObjectId or a UUID (of subtype 4): it names the row for ever"
)

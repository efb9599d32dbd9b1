"""Rows of JSON: one object per line, or objects in an array or over several lines."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from typing import TYPE_CHECKING, Any, Final

from producers.bulk_rows import NO_DOCUMENT, BadRow, contract_row, document_row, row_of
from producers.extended_json import plain
from schemas.commands import COMMANDS
from schemas.digits import may_be_rounded, parse_exactly
from schemas.standard_text import standard_text
from schemas.strict_json import NotJson, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

    from producers.bulk_rows import ContractsAs, Row

MAX_ROW_BYTES: Final = 1 << 20

_BLOCK_BYTES: Final = 1 << 16
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"|["{}\[\]]', re.DOTALL)
_BETWEEN: Final = re.compile(rb"[\s,\[\]]+")
_SCALAR: Final = re.compile(rb"[^\s,\[\]{]+(?=[\s,\[\]{])")
_LINE_OF_ONE: Final = re.compile(r"line 1 (column \d+) \(char \d+\)")


def json_rows(lines: Iterable[bytes], contracts_as: ContractsAs = "create") -> Iterator[Row | BadRow]:
    """One JSON object per line; empty lines are skipped. The place of a row is its line number."""
    for number, line in enumerate(lines, start=1):
        stripped = (line.removeprefix(BOM_UTF8) if number == 1 else line).strip()
        if stripped:
            yield _json_row(str(number), stripped, contracts_as)


def json_items(file: BinaryIO, contracts_as: ContractsAs = "create") -> Iterator[Row | BadRow]:
    """The objects of an array, or objects one after another, over any number of lines.

    The place of a row is its number, because all may be on one line. Reading ends at brackets that do not
    match.
    """
    for number, item in enumerate(_items(file), start=1):
        place = f"item {number}"
        yield BadRow(place, item) if isinstance(item, str) else _json_row(place, item, contracts_as)


def _items(file: BinaryIO) -> Iterator[bytes | str]:
    """The text of each item; the last may be the reason why the rest cannot be read."""
    buffer, at, arrays = file.read(_BLOCK_BYTES).removeprefix(BOM_UTF8), 0, 0
    while True:
        between = _BETWEEN.match(buffer, at)
        if between is not None:
            at = between.end()
            arrays += between[0].count(b"[") - between[0].count(b"]")
        end = _end_of_item(buffer, at)
        if end is not None:
            yield buffer[at:end]
            at = end
        elif len(buffer) - at > MAX_ROW_BYTES:
            yield f"has more than {MAX_ROW_BYTES} bytes, or its brackets do not match: the rest is not read"
            return
        elif block := file.read(max(_BLOCK_BYTES, len(buffer) - at)):
            buffer, at = buffer[at:] + block, 0
        else:
            if arrays or at < len(buffer):
                yield "is not complete: the file ends before its brackets are closed"
            return


def _end_of_item(text: bytes, at: int) -> int | None:
    """Where the item that begins here ends; None: it does not end in this text."""
    if not text.startswith(b"{", at):
        scalar = _SCALAR.match(text, at)
        return scalar.end() if scalar else None
    depth = 0
    for token in _TOKEN.finditer(text, at):
        if token[0] in b"{[":
            depth += 1
        elif token[0] in b"}]":
            depth -= 1
        elif token[0] == b'"':
            return None
        if not depth:
            return token.end()
    return None


def _json_row(place: str, text: bytes, contracts_as: ContractsAs) -> Row | BadRow:
    if len(text) > MAX_ROW_BYTES:
        return BadRow(place, f"has more than {MAX_ROW_BYTES} bytes")
    document = parse(text)
    if isinstance(document, NotJson):
        return BadRow(place, _not_utf8(text) or _LINE_OF_ONE.sub(r"\1", document.message))
    if not isinstance(document, dict):
        return BadRow(place, "is not a JSON object")
    if may_be_rounded(text):
        document = parse_exactly(text)
    if "command" not in document:
        return _contract(place, document, contracts_as)
    if unknown := document.keys() - {"command", "account_id", "data"}:
        return BadRow(place, f"a command has only `command`, `account_id` and `data`, not {min(unknown)!r}")
    return row_of(place, document["command"], document.get("account_id"), document.get("data", {}))


def _not_utf8(text: bytes) -> str | None:
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return f"has the byte 0x{text[error.start]:02X} at column {error.start + 1}, which is not UTF-8"
    return None


def _contract(place: str, document: dict[str, Any], contracts_as: ContractsAs) -> Row | BadRow:
    document = plain(COMMANDS[contracts_as], document)
    if "_id" not in document:
        return contract_row(place, document, contracts_as)
    if contracts_as != "adopt":
        return BadRow(place, NO_DOCUMENT, (("/_id", NO_DOCUMENT),))
    return document_row(place, standard_text(document.pop("_id")), document)

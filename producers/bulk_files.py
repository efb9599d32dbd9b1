"""Files of an import: tables, JSON lines, or other JSON."""

from __future__ import annotations

import errno
import hashlib
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from typing import TYPE_CHECKING, Final

from producers.bulk_json import json_items, json_rows
from producers.bulk_rows import DIGEST_CHARACTERS, BadRow
from producers.bulk_tables import table_rows
from producers.cells import TABLE_FILES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from producers.bulk_rows import ContractsAs, Row

_HEAD_BYTES: Final = 1 << 10
_UTF16: Final = "is UTF-16, not UTF-8: save it as UTF-8, or `iconv -f UTF-16 -t UTF-8 FILE`"
_OTHER_FILES: Final = {
    BOM_UTF16_LE: _UTF16,
    BOM_UTF16_BE: _UTF16,
    b"PK\x03\x04": "is a spreadsheet or an archive: save it as CSV (UTF-8), or unpack it",
    b"\xd0\xcf\x11\xe0": "is an old spreadsheet: save it as CSV (UTF-8)",
    b"\x1f\x8b": "is compressed: `gunzip` it",
}
"""First bytes of files that cannot be imported, and how to convert them."""


def survey(path: Path) -> tuple[str, int]:
    """A name computed from a file's content, so that a changed file has another one; and its number of lines.

    Raises:
        OSError: the file cannot be read, or only once: a pipe would have no rows the second time.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is not a regular file; write its content to one first")
    digest, lines = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
            lines += block.count(b"\n")
    return digest.hexdigest()[:DIGEST_CHARACTERS], lines


def rows_of(
    path: Path, contracts_as: ContractsAs = "create", *, spreadsheet_safe: bool = False
) -> Iterator[Row | BadRow]:
    """The rows of a file: a table if its name ends in .csv or .tsv, else JSON.

    The place of a row is the number of its first line. For JSON in an array, or with objects over several
    lines, it is the number of the object: `item 1`.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        file.seek(0)
        if mistake := _no_text(head):
            yield BadRow("1", f"the file {mistake}")
        elif path.suffix.lower() in TABLE_FILES:
            yield from table_rows(file, contracts_as, spreadsheet_safe=spreadsheet_safe)
        elif _in_pieces(head):
            yield from json_items(file, contracts_as)
        else:
            yield from json_rows(file, contracts_as)


def _no_text(head: bytes) -> str | None:
    """What is wrong with a file that begins with these bytes; None: it can be UTF-8 text."""
    name = next((name for begin, name in _OTHER_FILES.items() if head.startswith(begin)), None)
    # ASCII text in UTF-16 has a NUL in every other byte, with or without a byte order mark.
    return name or (_UTF16 if head[:4].count(0) > 1 else None)


def _in_pieces(head: bytes) -> bool:
    """Whether the file is an array, or its first object continues after the first line."""
    begin = head.removeprefix(BOM_UTF8).lstrip()
    return begin.startswith(b"[") or begin.partition(b"\n")[0].strip() == b"{"

"""Contracts as lines of a file, one after the other: memory stays flat, however many there are.

JSON lines hold a whole contract each, and `contracts import` with `adopt` takes them. A table has a
column for each field; lists of texts are separated by semicolons, everything deeper is JSON.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Final

from consumer.reading.formulas import harmless
from schemas.contract import to_json
from schemas.fields import columns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from consumer.reading.views import ExpiringContract
    from schemas.contract import ExportedContract

COLUMNS: Final = columns()
"""Every field of a contract; those of flat objects each for themselves. Last what else decides its future."""


async def json_lines(contracts: AsyncIterator[ExportedContract]) -> AsyncIterator[bytes]:
    """A JSON object for each contract, each with its line break."""
    async for contract in contracts:
        yield to_json(contract) + b"\n"


async def table(
    contracts: AsyncIterator[ExportedContract], separator: str = ",", *, spreadsheet_safe: bool = False
) -> AsyncIterator[bytes]:
    """A heading, then a row for each contract, in UTF-8.

    Args:
        contracts: the rows.
        separator: between the cells.
        spreadsheet_safe: put a quote before what a spreadsheet would run as a formula.
    """
    yield _line(COLUMNS, separator)
    async for contract in contracts:
        cells = [_cell(_at(contract, column)) for column in COLUMNS]
        yield _line(map(harmless, cells) if spreadsheet_safe else cells, separator)


ENDING: Final = (
    *("account_id", "contract_id", "contract_type", "status", "end_date", "renewal_date", "auto_renewal"),
    *("base_monthly_fee", "currency", "primary_contact.name", "primary_contact.email", "external_reference"),
)
"""Of a contract that ends soon; before them comes what will happen."""


async def ending_table(
    contracts: AsyncIterator[ExpiringContract], *, spreadsheet_safe: bool = False
) -> AsyncIterator[bytes]:
    """The same for what ends soon, with commas: days left, what will happen, why, and the contract."""
    yield _line(("days_left", "action", "reason", *ENDING), ",")
    async for each in contracts:
        cells = [str(each.days_left), each.action, each.reason or ""]
        cells += [_cell(_at(each.contract, column)) for column in ENDING]
        yield _line(map(harmless, cells) if spreadsheet_safe else cells, ",")


def _at(contract: Mapping[str, Any], column: str) -> Any:
    value: Any = contract
    for name in column.split("."):
        value = value.get(name) if value is not None else None
    return value


def _cell(value: Any) -> str:
    if value is None:
        return ""
    # An empty list is written out: an empty cell would say nothing, and a plan's features would come back.
    if isinstance(value, list) and value and all(map(_plain, value)):
        return ";".join(value)
    return value if isinstance(value, str) else to_json(value).decode().strip('"')


def _plain(each: Any) -> bool:
    """Whether it comes back as it was from a list with semicolons."""
    return isinstance(each, str) and ";" not in each and each == each.strip() and each[:1] not in ("[", "{")


def _line(cells: Iterable[str], separator: str) -> bytes:
    written = io.StringIO()
    # With a line feed for its end of line, the writer would leave carriage returns unquoted.
    csv.writer(written, delimiter=separator, lineterminator="\r\n").writerow(cells)
    return written.getvalue().removesuffix("\r\n").encode() + b"\n"

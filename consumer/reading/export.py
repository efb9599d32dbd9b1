"""Contracts as lines of a file, one at a time: memory does not grow with their number.

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
"""Every field of a contract, flat objects as one column per field; then the columns that only `adopt` needs.
"""


async def json_lines(contracts: AsyncIterator[ExportedContract]) -> AsyncIterator[bytes]:
    """A JSON object for each contract, each on its own line."""
    async for contract in contracts:
        yield to_json(contract) + b"\n"


async def table(
    contracts: AsyncIterator[ExportedContract], separator: str = ",", *, spreadsheet_safe: bool = False
) -> AsyncIterator[bytes]:
    """A heading, then a row for each contract, in UTF-8.

    Args:
        contracts: the rows.
        separator: between the cells.
        spreadsheet_safe: put a quote before text that a spreadsheet would run as a formula.
    """
    yield _line(COLUMNS, separator)
    async for contract in contracts:
        cells = [_cell(_at(contract, column)) for column in COLUMNS]
        yield _line(map(harmless, cells) if spreadsheet_safe else cells, separator)


ENDING: Final = (
    *("account_id", "contract_id", "contract_type", "status", "end_date", "renewal_date", "auto_renewal"),
    *("base_monthly_fee", "currency", "primary_contact.name", "primary_contact.email", "external_reference"),
)
"""The first columns of the table of contracts that end soon."""


async def ending_table(
    contracts: AsyncIterator[ExpiringContract], *, spreadsheet_safe: bool = False
) -> AsyncIterator[bytes]:
    """A table of contracts that end soon, with commas: days left, action, reason, and the contract."""
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
    # An empty list is written as JSON: an empty cell means "not given", and an import would add the plan's
    # features.
    if isinstance(value, list) and value and all(map(_plain, value)):
        return ";".join(value)
    return value if isinstance(value, str) else to_json(value).decode().strip('"')


def _plain(each: Any) -> bool:
    """Whether an import reads the same list from text with semicolons."""
    return isinstance(each, str) and ";" not in each and each == each.strip() and each[:1] not in ("[", "{")


def _line(cells: Iterable[str], separator: str) -> bytes:
    written = io.StringIO()
    # With a line feed as line end, the writer would not quote carriage returns.
    csv.writer(written, delimiter=separator, lineterminator="\r\n").writerow(cells)
    return written.getvalue().removesuffix("\r\n").encode() + b"\n"

"""`contracts list`: current contracts, page by page."""

from __future__ import annotations

from contextlib import asynccontextmanager
from enum import Enum
from functools import partial
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any, Final, get_args

import typer

from consumer.cli.output import NOTHING, Json, document_or_json, note, progress, table_or_json
from consumer.cli.running import load_settings, run_async
from consumer.errors import InputRefused, StoreError, WrongUsage
from schemas.names import ContractTypeName, StatusName

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Sequence

    from consumer.reading.reader import ContractReader
    from schemas.contract import ExportedContract

    Found = tuple[list[dict[str, Any]], str | None]

Status = Enum("Status", {name: name for name in get_args(StatusName)}, type=str)  # type: ignore[misc]
Plan = Enum("Plan", {name: name for name in get_args(ContractTypeName)}, type=str)  # type: ignore[misc]

StatusOption = Annotated[
    Status | None,
    typer.Option(
        "--status", metavar=" | ".join(get_args(StatusName)), help="Only this status.", show_default=False
    ),
]
PlanOption = Annotated[
    Plan | None,
    typer.Option(
        "--type",
        metavar=" | ".join(get_args(ContractTypeName)),
        help="Only this plan.",
        show_default=False,
    ),
]
Limit = Annotated[
    int, typer.Option("--limit", metavar="N", min=1, max=10_000, help="Maximum number of rows.")
]
After = Annotated[
    str | None,
    typer.Option(
        "--after",
        metavar="CURSOR",
        help="Continue after this cursor, which is printed below a page.",
        show_default=False,
    ),
]

LISTED: Final = (
    "account_id",
    "contract_id",
    "contract_type",
    "status",
    "end_date",
    "base_monthly_fee",
    "currency",
    "version",
)


@asynccontextmanager
async def opened_reader() -> AsyncIterator[ContractReader]:
    """A reader of the database in the settings."""
    from consumer.clients import contract_reader

    async with contract_reader(load_settings()) as reader:
        yield reader


def list_contracts(
    status: StatusOption = None,
    plan: PlanOption = None,
    reference: Annotated[
        str | None,
        typer.Option("--reference", metavar="TEXT", help="Only this external reference.", show_default=False),
    ] = None,
    limit: Limit = 100,
    after: After = None,
    *,
    export: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write all contracts to this file: a table if it ends in .csv or .tsv, else JSON lines.",
            show_default=False,
        ),
    ] = None,
    spreadsheet_safe: Annotated[
        bool,
        typer.Option(
            "--spreadsheet-safe", help="Put a quote before text that a spreadsheet would run as a formula."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """List current contracts, or write them to a file.

    Sorted by account. Prints one page; --export writes all contracts.

    For instance:

    contracts list --status pending_renewal --type basic

    contracts list --export contracts.jsonl

    contracts list --export contracts.csv --spreadsheet-safe
    """
    if spreadsheet_safe:
        check_table(export, "--spreadsheet-safe needs --export FILE.csv or FILE.tsv")
    selected = {
        "status": status and status.value,
        "contract_type": plan and plan.value,
        "external_reference": reference,
    }
    if export is not None:
        form = partial(_lines, export, spreadsheet_safe=spreadsheet_safe)
        incomplete = f"the file {export} is incomplete"
        written = run_async(_export(export, selected, form), interrupted=incomplete)
        document_or_json({"file": str(export), "contracts": written}, as_json=as_json)
        return
    print_page(_list(selected, limit, after), LISTED, as_json=as_json)


async def _list(selected: Any, limit: int, after: str | None) -> tuple[list[dict[str, Any]], str | None]:
    async with opened_reader() as reader:
        page = await reader.find(**selected, limit=limit, after=after)
    return [dict(contract) for contract in page.items], page.next


def check_table(path: Path | None, otherwise: str) -> None:
    """Raises WrongUsage, with the text `otherwise`, unless the file name is that of a table."""
    from producers.cells import TABLE_FILES

    if path is None or path.suffix.lower() not in TABLE_FILES:
        raise WrongUsage(otherwise)


def _lines(
    path: Path, contracts: AsyncIterator[ExportedContract], *, spreadsheet_safe: bool
) -> AsyncIterator[bytes]:
    from consumer.reading import export
    from producers.cells import TABLE_FILES

    separator = TABLE_FILES.get(path.suffix.lower())
    if separator is None:
        return export.json_lines(contracts)
    return export.table(contracts, separator, spreadsheet_safe=spreadsheet_safe)


async def _export(path: Path, selected: Any, form: Callable[..., AsyncIterator[bytes]]) -> int:
    written = 0
    async with opened_reader() as reader:

        async def counted(contracts: AsyncIterator[ExportedContract]) -> AsyncIterator[ExportedContract]:
            nonlocal written
            async for contract in contracts:
                yield contract
                written += 1
                done(1)

        try:
            with progress("exported") as done, path.open("wb") as file:
                async for line in form(counted(reader.exports(**selected))):
                    file.write(line)
        except OSError as error:
            raise InputRefused(f"cannot write {path}: {error.strerror}") from error
    return written


def print_page(asking: Coroutine[Any, Any, Found], columns: Sequence[str], *, as_json: bool) -> None:
    """Print a page, and the cursor of the next page if there is one."""

    async def ask() -> tuple[Found, str]:
        found = await asking
        return found, await why_nothing_of(found[0])

    (rows, cursor), nothing = run_async(ask())
    table_or_json(rows, columns, as_json=as_json, nothing=nothing)
    if cursor is not None:
        note(f"more: --after {cursor}")


async def why_nothing_of(found: Collection[Any]) -> str:
    """The note for a listing without rows, given what the database returned."""
    return NOTHING if found else await why_nothing()


async def why_nothing() -> str:
    """The note for an empty listing. A wrong database name looks like an empty database, so name it."""
    from consumer.clients import opened_mongo
    from consumer.storage.indexes import is_empty

    settings = load_settings()
    async with opened_mongo(settings) as client:
        try:
            empty = await is_empty(client[settings.mongo_database])
        except StoreError:  # the user may read contracts without the right to list collections
            return NOTHING
    name = settings.mongo_database
    return f"the database {name} has no collections: is CONTRACTS_MONGO_DATABASE right?" if empty else NOTHING

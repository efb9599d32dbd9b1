"""`contracts import`: many contracts or commands at once."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from consumer.cli.events import AtOption  # noqa: TC001 - typer reads the annotations
from consumer.cli.importing import preview_rows, rows_of_collection, rows_of_file, send_rows
from consumer.cli.listing import check_table
from consumer.cli.output import Json, document_or_json, note, to_json
from consumer.cli.running import KAFKA, MONGODB, run_async
from consumer.errors import ContractsError, InputRefused, WrongUsage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from consumer.cli.importing import Work
    from producers.bulk import BulkImport
    from producers.bulk_report import RefusedRow

SHOWN_REFUSED: Final = 20


def import_rows(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="JSON lines, or a table if the name ends in .csv or .tsv.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    *,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Adopt contracts unchanged, with their ids, status and dates.")
    ] = False,
    mongo: Annotated[
        str | None,
        typer.Option(
            "--from-mongo",
            metavar="URI",
            help="Adopt the documents of another database: mongodb://host/DATABASE.",
            show_default=False,
        ),
    ] = None,
    collection: Annotated[
        str, typer.Option(metavar="NAME", help="Collection to read with --from-mongo.")
    ] = "contracts",
    fields: Annotated[
        list[str] | None,
        typer.Option(
            "--field",
            metavar="THEIRS=OURS",
            help="Rename a field; THEIRS= leaves it out. Can be repeated.",
            show_default=False,
        ),
    ] = None,
    spreadsheet_safe: Annotated[
        bool,
        typer.Option(
            "--spreadsheet-safe", help="Remove the quotes that `list --export --spreadsheet-safe` added."
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every row and send nothing.")] = False,
    preview: Annotated[
        bool,
        typer.Option(
            "--preview", help="Show how all rows would change the stored contracts, and send nothing."
        ),
    ] = False,
    at: AtOption = None,
    refused: Annotated[
        Path | None,
        typer.Option(
            "--refused", metavar="FILE", help="Write the refused rows to this file.", show_default=False
        ),
    ] = None,
    window: Annotated[
        int,
        typer.Option(
            min=1, max=10_000, metavar="N", help="Maximum number of commands that wait for their results."
        ),
    ] = 500,
    as_json: Json = False,
) -> None:
    """Import contracts, or commands of any kind.

    Reports the outcome of every row. A row with `command`, `account_id` and `data` is a command. Any other
    row is a contract to create. Columns of a table are named by the path of the field:
    primary_contact.email. If an import is interrupted, run it again: rows that were applied are then
    duplicates.

    For instance:

    contracts import contracts.csv --dry-run

    contracts import updates.jsonl --preview

    contracts import updates.jsonl --refused refused.jsonl

    contracts import --from-mongo mongodb://old/crm --collection agreements --field plan=contract_type
    """
    if (file is None) == (mongo is None):
        raise WrongUsage("give either FILE or --from-mongo")
    if spreadsheet_safe:
        check_table(file, "--spreadsheet-safe needs FILE.csv or FILE.tsv")
    if fields and file is not None:
        raise WrongUsage("--field needs --from-mongo: rename the fields of a file in the file")
    _check_preview(at, preview=preview, dry_run=dry_run)
    sums: dict[str, Any] = {}
    with _refusals(refused) as report_row:
        running: list[BulkImport] = []
        work: Work = partial(
            send_rows, running=running, on_refused=report_row, window=None if dry_run else window
        )
        if preview:
            work = partial(preview_rows, running=running, on_refused=report_row, at=at, sums=sums)
        if mongo is not None:
            importing = rows_of_collection(mongo, collection, fields or [], work)
        else:
            importing = rows_of_file(Path(file or ""), work, adopt=adopt, spreadsheet_safe=spreadsheet_safe)
        how_it_stands = partial(_how_it_stands, running, dry_run=dry_run or preview, as_json=as_json)
        server = MONGODB if preview else KAFKA
        try:
            report = run_async(
                importing,
                interrupted=how_it_stands,
                waiting_for=lambda: (
                    None if running else (server if mongo is None else f"{server}, or the source")
                ),
            )
        except ContractsError:
            if running:
                note(how_it_stands())
            raise
    document_or_json({**asdict(report), **sums}, as_json=as_json)
    if report.refused:
        hint = (
            f"they are in {refused}" if refused else "--refused FILE writes them to a file, with the reasons"
        )
        were = "would be" if preview else "were"
        raise InputRefused(f"{report.refused} of {report.rows} rows {were} refused", hint=hint)


def _check_preview(at: str | None, *, preview: bool, dry_run: bool) -> None:
    if preview and dry_run:
        raise WrongUsage("--preview cannot be used with --dry-run")
    if at is not None and not preview:
        raise WrongUsage("--at needs --preview")


def _how_it_stands(running: list[BulkImport], *, dry_run: bool, as_json: bool) -> str:
    """Prints the summary after an interruption, and returns how to continue."""
    if not running:
        return "nothing was sent"
    report = running[0].report
    document_or_json(asdict(report), as_json=as_json)
    if dry_run:
        return f"{report.rows} rows were checked; nothing was sent"
    return (
        f"{report.rows} rows were read; commands that were sent will be applied. "
        "Run the same import again to continue: rows that were applied are then duplicates"
    )


@contextmanager
def _refusals(path: Path | None) -> Iterator[Callable[[RefusedRow], None]]:
    """Prints the first refused rows, and writes all of them to a file."""
    refused = 0

    def report_row(row: RefusedRow) -> None:
        nonlocal refused
        refused += 1
        if refused <= SHOWN_REFUSED:
            note(f"refused {row.place}: {row.code + ': ' if row.code else ''}{row.message}")
        if file is not None:
            with _writing(path):
                file.write(to_json(asdict(row)) + "\n")

    with _writing(path):
        file = None if path is None else path.open("w", encoding="utf-8")
    try:
        yield report_row
    finally:
        if file is not None:
            with _writing(path):
                file.close()


@contextmanager
def _writing(path: Path | None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputRefused(f"cannot write {path}: {error.strerror}") from error

"""Where the rows of `contracts import` come from, and what is done with them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from consumer.cli.events import later_time_of
from consumer.cli.output import progress
from consumer.cli.running import load_settings
from consumer.errors import InputRefused, WrongUsage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from producers.bulk import BulkImport
    from producers.bulk_report import ImportReport, RefusedRow

    Work = Callable[[str, Any, int], Awaitable[ImportReport]]


async def rows_of_file(path: Path, work: Work, *, adopt: bool, spreadsheet_safe: bool) -> ImportReport:
    """Processes the rows of a file."""
    from producers.bulk_files import rows_of, survey

    try:
        digest, lines = survey(path)
        # Part of the command ids: with the other option the same lines would give other rows.
        source_name = f"{digest}/spreadsheet-safe" if spreadsheet_safe else digest
        rows = rows_of(path, "adopt" if adopt else "create", spreadsheet_safe=spreadsheet_safe)
        return await work(source_name, rows, lines)
    except OSError as error:
        raise InputRefused(f"cannot read {path}: {error.strerror}") from error


async def rows_of_collection(uri: str, name: str, fields: list[str], work: Work) -> ImportReport:
    """Processes the documents of another database. `fields`: THEIRS=OURS."""
    from consumer.storage.foreign import foreign_collection
    from producers.bulk_rows import document_rows

    settings = load_settings()
    named = dict(_renamed(field) for field in fields)
    async with foreign_collection(
        uri, name, timeout_ms=settings.mongo_timeout_ms, driver=settings.mongo_driver
    ) as collection:
        rows = document_rows(collection.documents(), named)
        return await work(collection.name, rows, await collection.count())


def _renamed(field: str) -> tuple[str, str]:
    theirs, separator, ours = field.partition("=")
    if not separator or not theirs:
        raise WrongUsage(f"--field {field}: must be THEIRS=OURS, or THEIRS= to leave the field out")
    return theirs, ours


async def send_rows(
    source_name: str,
    rows: Any,
    total: int,
    *,
    running: list[BulkImport],
    on_refused: Callable[[RefusedRow], None],
    window: int | None,
) -> ImportReport:
    """Imports the rows, or only checks them if `window` is None."""
    from producers.bulk import BulkImport
    from producers.connect import make_command_producer

    with progress("imported" if window else "checked", total) as done:
        policy = load_settings().policy
        importing = BulkImport(source_name, policy=policy, on_refused=on_refused, on_progress=done)
        if window is None:
            running.append(importing)
            return await importing.check(rows)
        async with make_command_producer(load_settings()) as commands:
            running.append(importing)
            return await importing.run(rows, commands, window=window)


async def preview_rows(
    source_name: str,
    rows: Any,
    total: int,
    *,
    running: list[BulkImport],
    on_refused: Callable[[RefusedRow], None],
    at: str | None,
    sums: dict[str, Any],
) -> ImportReport:
    """Previews the rows; `sums` gets the summary."""
    from consumer.clients import contract_preview
    from producers.bulk import BulkImport

    with progress("looked at", total) as done:
        importing = BulkImport(source_name, on_refused=on_refused, on_progress=done)
        async with contract_preview(load_settings()) as contracts:
            previewed = contracts.many(None if at is None else later_time_of(at, datetime.now(UTC)))
            running.append(importing)
            report = await importing.preview(rows, previewed)
    sums |= previewed.as_data()
    return report

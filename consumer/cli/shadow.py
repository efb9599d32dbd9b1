"""`contracts shadow`: what this program would decide differently from the running service."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from consumer.cli.output import Json, note, progress, table_or_json
from consumer.cli.running import load_settings, run_async
from consumer.errors import DecidesOtherwise

if TYPE_CHECKING:
    from consumer.operator.shadow import Report

START: Final = "start"
COLUMNS: Final = ("partition", "offset", "what", "path", "made", "would", "id")


def shadow(
    *,
    from_: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="start|FOLDER",
            help="Begin at the log's start, or with this checkpoint.",
        ),
    ] = START,
    limit: Annotated[
        int, typer.Option(min=1, metavar="N", help="Maximum number of differences to show.")
    ] = 20,
    as_json: Json = False,
) -> None:
    """Find what this program would decide otherwise.

    Applies the log to a second database, DATABASE_shadow, and publishes nothing. Compares contracts, history
    and outputs with those of the service, and lists the differences in the order of the log. Run it with the
    new version before an upgrade. The second database is dropped at the end.

    Example: contracts shadow
    """
    report = run_async(
        _compare(None if from_ == START else Path(from_)),
        interrupted="run it again: it starts from the beginning",
        waiting_for="Kafka and MongoDB",
    )
    rows = [difference.row() for difference in report.differences[:limit]]
    table_or_json(rows, COLUMNS, as_json=as_json, nothing="no differences")
    note(
        f"{report.commands:,} commands applied; compared {report.documents:,} documents and "
        f"{report.outputs:,} outputs: {len(report.differences):,} differences"
    )
    if report.differences:
        raise DecidesOtherwise(report.differences[0].partition, report.differences[0].offset)


async def _compare(checkpoint: Path | None) -> Report:
    from consumer.operator.shadowing import compare

    settings = load_settings()
    with progress("commands") as done:
        return await compare(settings, done, checkpoint)

"""`contracts shadow`: what this program would decide differently from the running service."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from consumer.cli.output import Json, note, progress, table_or_json
from consumer.cli.running import KAFKA, MONGODB, load_settings, run_async
from consumer.errors import DecidesOtherwise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consumer.operator.differences import Difference
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
    against: Annotated[
        str | None,
        typer.Option(metavar="PROGRAM", help="Compare with this `contracts` of another release."),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, metavar="N", help="Maximum number of differences to show.")
    ] = 20,
    as_json: Json = False,
) -> None:
    """Find what this program would decide otherwise.

    Applies the log to a second database, DATABASE_shadow, and publishes nothing. Compares contracts, history,
    outputs, tallies and movements of revenue with those of the service, and lists the differences in the
    order of the log. Run it with the new version before an upgrade. The second database is dropped at the
    end; one that is not its own is never overwritten. With --against, another release does the same first,
    and what both decide alike is not listed: `made` is then what the other release makes.

    Example: contracts shadow
    """
    asked: list[str] = []
    """Servers that have not answered yet. Another release names those that it waits for itself."""
    report, differences, count = run_async(
        _compare(from_, against, limit, asked),
        interrupted="run it again: it starts from the beginning",
        waiting_for=lambda: " and ".join(asked) or None,
    )
    rows = [difference.row() for difference in differences[:limit]]
    table_or_json(rows, COLUMNS, as_json=as_json, nothing="no differences")
    note(
        f"{report.commands:,} commands applied; compared {report.documents:,} documents and "
        f"{report.outputs:,} outputs: {count} differences"
    )
    if report.uncounted:
        note(
            f"tallies and movements of partitions {list(report.uncounted)} were not compared: the service "
            "has counted them only since an upgrade"
        )
    for (topic, partition), offset in sorted(report.deleted.items()):
        note(
            f"outputs in {topic} of commands of partition {partition} before offset {offset} were not all "
            "compared: published ones were deleted"
        )
    for (topic, partition), (records, first) in sorted(report.foreign.items()):
        note(
            f"{records:,} records of partition {partition} of {topic}, from offset {first} on, are not the "
            "service's and were not compared"
        )
    if differences:
        raise DecidesOtherwise(differences[0].partition, differences[0].offset)


async def _compare(
    start: str, against: str | None, limit: int, asked: list[str]
) -> tuple[Report, Sequence[Difference], str]:
    """The report, the first differences, and how many there are."""
    from consumer.operator.differences import KEPT
    from consumer.operator.shadow_against import between, of_release
    from consumer.operator.shadowing import compare

    settings = load_settings()
    kept = max(limit, KEPT) if against else limit
    other = await of_release(against, start, kept) if against else []
    asked += [KAFKA, MONGODB]
    with progress("commands") as done:

        def applied(count: int) -> None:
            asked.clear()
            done(count)

        report = await compare(settings, applied, None if start == START else Path(start), kept)
    if not against:
        return report, report.differences, f"{report.found:,}"
    found = between(other, report.differences, kept)
    least = "at least " if kept in {len(other), len(report.differences)} else ""
    return report, found, f"{least}{len(found):,}"

"""`contracts expiring`: what ends soon, for people, spreadsheets and calendars."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from consumer.cli.listing import After, Limit, opened_reader, print_page
from consumer.cli.output import Json  # noqa: TC001 - typer reads the annotations
from consumer.cli.running import run_async
from consumer.errors import WrongUsage

COLUMNS: Final = (
    "account_id",
    "end_date",
    "days_left",
    "action",
    "reason",
    "contract_type",
    "base_monthly_fee",
)
_PAGE: Final = 100


def expiring(
    days: Annotated[
        int, typer.Option("--days", metavar="N", min=0, max=36_500, help="Number of days to look ahead.")
    ] = 30,
    limit: Limit = _PAGE,
    after: After = None,
    *,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print all rows as CSV.")] = False,
    spreadsheet_safe: Annotated[
        bool,
        typer.Option(
            "--spreadsheet-safe",
            help="With --csv: put a quote before text that a spreadsheet would run as a formula.",
        ),
    ] = False,
    as_ical: Annotated[
        bool, typer.Option("--ical", help="Print all rows as a calendar file (RFC 5545) with all-day events.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List contracts that end soon.

    `action` is what happens at the end: the contract renews, or it lapses.

    For instance:

    contracts expiring --days 90 --json

    contracts expiring --days 90 --ical > expiring.ics
    """
    if as_csv + as_ical + as_json > 1:
        raise WrongUsage("give only one of --csv, --ical and --json")
    if spreadsheet_safe and not as_csv:
        raise WrongUsage("--spreadsheet-safe needs --csv")
    if not as_csv and not as_ical:
        print_page(_page(days, limit, after), COLUMNS, as_json=as_json)
        return
    if after is not None or limit != _PAGE:
        raise WrongUsage("--csv and --ical print all rows: they cannot be used with --limit or --after")
    run_async(_print_all(days, as_ical=as_ical, spreadsheet_safe=spreadsheet_safe))


async def _page(days: int, limit: int, after: str | None) -> tuple[list[dict[str, Any]], str | None]:
    async with opened_reader() as reader:
        page = await reader.expiring(days, limit=limit, after=after)
    return [
        {**each.contract, "days_left": each.days_left, "action": each.action, "reason": each.reason}
        for each in page.items
    ], page.next


async def _print_all(days: int, *, as_ical: bool, spreadsheet_safe: bool) -> None:
    from consumer.reading.calendar import all_ending, calendar
    from consumer.reading.export import ending_table

    async with opened_reader() as reader:
        if as_ical:
            async for piece in calendar(all_ending(reader, days), datetime.now(UTC)):
                typer.echo(piece, nl=False)
            return
        async for line in ending_table(all_ending(reader, days), spreadsheet_safe=spreadsheet_safe):
            typer.echo(line, nl=False)

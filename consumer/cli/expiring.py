"""`contracts expiring`: what ends soon, for people, spreadsheets and calendars."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from consumer.cli.listing import After, Limit, opened_reader, print_page
from consumer.cli.output import Json  # noqa: TC001 - typer reads the annotations
from consumer.cli.running import run_async
from consumer.errors import WrongUsage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from consumer.reading.reader import ContractReader
    from consumer.reading.views import ExpiringContract

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
_CHUNK: Final = 1_000


def expiring(
    days: Annotated[
        int, typer.Option("--days", metavar="N", min=0, max=36_500, help="Number of days to look ahead.")
    ] = 30,
    limit: Limit = _PAGE,
    after: After = None,
    *,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print all of them as a table with commas.")] = False,
    spreadsheet_safe: Annotated[
        bool,
        typer.Option(
            "--spreadsheet-safe",
            help="With --csv: put a quote before what a spreadsheet takes for a formula.",
        ),
    ] = False,
    as_ical: Annotated[
        bool, typer.Option("--ical", help="Print all of them as a calendar (RFC 5545) of all-day events.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List contracts that end soon.

    Shows whether they renew or lapse.

    For instance:

    contracts expiring --days 90 --json

    contracts expiring --days 90 --ical > expiring.ics
    """
    if as_csv + as_ical + as_json > 1:
        raise WrongUsage("give only one of --csv, --ical and --json")
    if spreadsheet_safe and not as_csv:
        raise WrongUsage("--spreadsheet-safe goes with --csv")
    if not as_csv and not as_ical:
        print_page(_page(days, limit, after), COLUMNS, as_json=as_json)
        return
    if after is not None or limit != _PAGE:
        raise WrongUsage("--csv and --ical print all of them: leave --limit and --after out")
    run_async(_print_all(days, as_ical=as_ical, spreadsheet_safe=spreadsheet_safe))


async def _page(days: int, limit: int, after: str | None) -> tuple[list[dict[str, Any]], str | None]:
    async with opened_reader() as reader:
        page = await reader.expiring(days, limit=limit, after=after)
    return [
        {**each.contract, "days_left": each.days_left, "action": each.action, "reason": each.reason}
        for each in page.items
    ], page.next


async def _print_all(days: int, *, as_ical: bool, spreadsheet_safe: bool) -> None:
    from consumer.reading.calendar import calendar
    from consumer.reading.export import ending_table

    async with opened_reader() as reader:
        if as_ical:
            async for piece in calendar(_all(reader, days), datetime.now(UTC)):
                typer.echo(piece, nl=False)
            return
        async for line in ending_table(_all(reader, days), spreadsheet_safe=spreadsheet_safe):
            typer.echo(line, nl=False)


async def _all(reader: ContractReader, days: int) -> AsyncIterator[ExpiringContract]:
    after: str | None = None
    while True:
        page = await reader.expiring(days, limit=_CHUNK, after=after)
        for each in page.items:
            yield each
        if page.next is None:
            return
        after = page.next

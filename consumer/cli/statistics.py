"""`contracts stats`: figures about all contracts."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer

from consumer.cli.events import time_of
from consumer.cli.listing import why_nothing_of
from consumer.cli.output import NOTHING, Json, document_or_json, note, table_or_json
from consumer.cli.running import load_settings, run_async
from consumer.errors import WrongUsage

DAY: Final = timedelta(days=1)
PERIOD: Final = 30 * DAY
KINDS: Final = ("new", "expansion", "contraction", "churn", "reactivation", "moved")
"""Those of consumer/storage/movements.py, which help must not load."""


def stats(
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="WHEN",
            help="Also show churn and renewals from this time, or from this long ago (30d).",
            show_default=False,
        ),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="WHEN", help="End of that period, exclusive. Default: now.", show_default=False
        ),
    ] = None,
    *,
    movements: Annotated[
        bool,
        typer.Option(
            "--movements",
            help="Show only how monthly revenue moved, by plan and currency. Default period: 30 days.",
        ),
    ] = False,
    daily: Annotated[
        bool, typer.Option("--daily", help="With --movements: one line for each day on which revenue moved.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show counts, monthly revenue and expiring contracts.

    With --from also churn and renewals. Counts are read from the positions. Revenue reads every running
    contract, churn reads the history of the period, --movements what was tallied since.

    For instance:

    contracts stats --from 2026-01-01 --to 2026-04-01 --json

    contracts stats --movements --from 2026-01-01 --to 2026-02-01
    """
    if daily and not movements:
        raise WrongUsage("--daily needs --movements")
    if movements:
        rows, nothing = run_async(_movements(start, end, daily=daily))
        columns = (*(["day"] if daily else []), "contract_type", "currency", "opening", *KINDS, "closing")
        table_or_json(rows, columns, as_json=as_json, nothing=nothing)
        return
    shown, nothing = run_async(_stats(start, end))
    document_or_json(shown, as_json=as_json)
    if nothing != NOTHING:
        note(nothing)


async def _movements(start: str | None, end: str | None, *, daily: bool) -> tuple[list[dict[str, Any]], str]:
    from consumer.clients import contract_statistics

    now = datetime.now(UTC)
    first = now - PERIOD if start is None else time_of(start, now)
    after = now + DAY if end is None else time_of(end, now)
    async with contract_statistics(load_settings()) as statistics:
        rows = [row.as_data() for row in await statistics.movements(first, after, daily=daily)]
    return rows, await why_nothing_of(rows)


async def _stats(start: str | None, end: str | None) -> tuple[dict[str, Any], str]:
    from consumer.clients import contract_statistics

    now = datetime.now(UTC)
    if start is None and end is not None:
        raise WrongUsage("--to needs --from")
    async with contract_statistics(load_settings()) as statistics:
        counts: dict[str, dict[str, int]] = {}
        for (plan, status), number in (await statistics.counts()).items():
            if number:
                counts.setdefault(plan, {})[status] = number
        shown: dict[str, Any] = {
            "contracts": counts,
            "monthly_revenue": [row._asdict() for row in await statistics.monthly_revenue()],
            "expiring": [asdict(window) for window in await statistics.expiring()],
        }
        if start is not None:
            until = now if end is None else time_of(end, now)
            found = await statistics.retention(time_of(start, now), until)
            rates = {"churn_rate": found.churn_rate, "renewal_rate": found.renewal_rate}
            shown["retention"] = {**asdict(found), **rates}
    return shown, await why_nothing_of(counts)

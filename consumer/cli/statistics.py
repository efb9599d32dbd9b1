"""`contracts stats`: figures about all contracts."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from consumer.cli.events import time_of
from consumer.cli.output import Json, document_or_json
from consumer.cli.running import load_settings, run_async
from consumer.errors import WrongUsage


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
    as_json: Json = False,
) -> None:
    """Show counts, monthly revenue and expiring contracts.

    With --from also churn and renewals. Counts are read from the positions. Revenue reads every running
    contract, churn reads the history of the period.

    Example: contracts stats --from 2026-01-01 --to 2026-04-01 --json
    """
    document_or_json(run_async(_stats(start, end)), as_json=as_json)


async def _stats(start: str | None, end: str | None) -> dict[str, Any]:
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
    return shown

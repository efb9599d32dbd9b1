"""`contracts scan`: the scanner by itself."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from consumer.cli.output import Json, document_or_json, note
from consumer.cli.running import load_settings, run_async

if TYPE_CHECKING:
    from consumer.settings import Settings
    from producers.scan_run import ScanResult


def scan(
    *,
    once: Annotated[bool, typer.Option("--once", help="Look once and tell what was found.")] = False,
    as_json: Json = False,
) -> None:
    """Publish commands for contracts with something due.

    They make it happen: renewals, notices, expiries. `contracts run` does it, too. Several at once do no
    harm: one is active, the others stand by.

    Example: contracts scan --once --json
    """
    if once:
        what = "what was published will be applied; the next scan goes on from there"
        result = run_async(_once(load_settings()), interrupted=what, waiting_for="Kafka and MongoDB")
        document_or_json(asdict(result), as_json=as_json)
        if not result.active:
            note("another instance holds the scanner's lease: nothing was looked at here")
        return
    from consumer.cli.service import run_service

    run_service(load_settings(), with_pipeline=False)


async def _once(settings: Settings) -> ScanResult:
    from consumer import background, bootstrap
    from consumer.telemetry.metrics import Metrics

    async with (
        bootstrap.opened_mongo(settings) as client,
        background.scanner(settings, client, Metrics()) as scanner,
    ):
        result = await scanner.run_once()
        if result.active:
            await background.history_pruner(settings, client).run_once()
        await scanner.release()
        return result

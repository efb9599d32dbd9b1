"""`contracts scan`: the scanner without the worker."""

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
    once: Annotated[bool, typer.Option("--once", help="Scan once and print the result.")] = False,
    as_json: Json = False,
) -> None:
    """Publish a command for each contract with a due change.

    Renewals, notices, expiries and scheduled changes become due. `contracts run` includes the scanner.
    Several scanners can run at the same time: one is active, the others wait.

    Example: contracts scan --once --json
    """
    if once:
        what = "commands that were published will be applied; the next scan continues"
        result = run_async(_once(load_settings()), interrupted=what, waiting_for="Kafka and MongoDB")
        document_or_json(asdict(result), as_json=as_json)
        if not result.active:
            note("another instance holds the scanner's lease: nothing was scanned")
        return
    from consumer.cli.service import run_service

    run_service(load_settings(), with_pipeline=False)


async def _once(settings: Settings) -> ScanResult:
    from consumer import bootstrap, clients
    from consumer.telemetry.metrics import Metrics

    async with (
        clients.opened_mongo(settings) as client,
        bootstrap.scanner(settings, client, Metrics()) as scanner,
    ):
        result = await scanner.run_once()
        if result.active:
            await bootstrap.history_pruner(settings, client).run_once()
        await scanner.release()
        return result

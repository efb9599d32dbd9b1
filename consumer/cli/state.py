"""`contracts state …`: the topic of current contracts."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from consumer.cli.output import Json, document_or_json, note, progress
from consumer.cli.running import load_settings, run_async
from consumer.errors import ContractsError, InputRefused

if TYPE_CHECKING:
    from producers.backfill import Backfill
    from producers.bulk_report import ImportReport, RefusedRow

app = typer.Typer(help="The topic of current contracts.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `backfill` a subcommand while it is the only one."""


@app.command()
def backfill(
    *,
    after: Annotated[
        str | None,
        typer.Option(
            metavar="ACCOUNT",
            help="Continue after this account: where an interrupted run stopped.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Publish the state of every stored contract to contracts.state.

    Sends a command for each account and waits for the results, in the order of account ids. Live changes go
    on meanwhile. Needed once after an upgrade, and after CONTRACTS_PUBLISH_STATE was off. Exit code 13 means
    that some were refused.

    Example: contracts state backfill
    """
    running: list[Backfill] = []

    def how_to_continue() -> str:
        if not running or running[0].after is None:
            return "run it again"
        return f"continue with --after {running[0].after}"

    try:
        report = run_async(
            _backfill(after, running),
            interrupted=how_to_continue,
            waiting_for="Kafka, MongoDB and the service",
        )
    except ContractsError as error:
        error.hint = "; ".join(filter(None, (error.hint, how_to_continue())))
        raise
    document_or_json(asdict(report), as_json=as_json)
    if report.refused:
        raise InputRefused(
            f"{report.refused} of {report.rows} states were refused and are not published",
            hint="the reasons are above; run it again once they are gone",
        )


async def _backfill(after: str | None, running: list[Backfill]) -> ImportReport:
    from consumer.clients import make_queries, open_mongo
    from consumer.kafka.tail import tail
    from consumer.storage.mongo_driver import close
    from producers.backfill import Backfill
    from producers.connect import make_command_producer
    from schemas.topics import STATE

    settings = load_settings()
    client = open_mongo(settings)
    try:
        queries = make_queries(settings, client, read_preference="primary")
        async with tail(settings, [STATE]) as published, make_command_producer(settings) as commands:
            stored = sum((await queries.tallies()).values())
            with progress("published", stored) as done:
                backfill = Backfill(
                    queries, commands, after=after, on_refused=_print_refused, on_progress=done
                )
                running.append(backfill)
                return await backfill.run(published.to_end())
    finally:
        await close(client)


def _print_refused(row: RefusedRow) -> None:
    note(f"{row.place}: {row.message}")

"""`contracts indexes …`: collections, indexes and validators, and entries stored by version 0.1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from consumer.cli.output import Json, progress, table_or_json
from consumer.cli.running import load_settings, run_async

if TYPE_CHECKING:
    from consumer.settings import Settings

app = typer.Typer(help="MongoDB collections and indexes.", no_args_is_help=True)


@app.command()
def ensure(*, as_json: Json = False) -> None:
    """Create missing collections and indexes.

    An index that exists with other options is an error. The service does the same at every start. It is safe
    to run this several times, also at the same time.

    Example: contracts indexes ensure --json
    """
    names = run_async(_ensure(load_settings()), interrupted="run it again to create the rest")
    rows = [dict(zip(("collection", "index"), name.split(".", 1), strict=True)) for name in names]
    table_or_json(rows, ("collection", "index"), as_json=as_json)


@app.command()
def upgrade(*, as_json: Json = False) -> None:
    """Convert the history entries that version 0.1 stored.

    Run it once after the upgrade from 0.1. Statistics of that period need it. It is safe to run this several
    times, also at the same time, and while the service runs.

    Example: contracts indexes upgrade
    """
    rewritten = run_async(_upgrade(load_settings()), interrupted="run it again to convert the rest")
    table_or_json(
        [{"collection": "history", "rewritten": rewritten}], ("collection", "rewritten"), as_json=as_json
    )


async def _upgrade(settings: Settings) -> int:
    from consumer.clients import opened_mongo
    from consumer.storage.history_upgrade import HistoryUpgrade

    async with opened_mongo(settings) as client:
        with progress("entries of the history") as report:
            return await HistoryUpgrade(client, settings.mongo_database).run(report)


async def _ensure(settings: Settings) -> list[str]:
    from consumer.clients import opened_mongo
    from consumer.storage import indexes

    async with opened_mongo(settings) as client:
        database = client[settings.mongo_database]
        await indexes.check_transactions(client, database)
        return await indexes.ensure(database, history_retention_days=settings.history_retention_days)

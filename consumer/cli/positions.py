"""`contracts positions …`: position and progress of partitions, decisions about stopped ones."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from consumer.cli.output import Json, note, table_or_json
from consumer.cli.running import load_settings, run_async
from consumer.errors import WrongUsage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from consumer.operator.decisions import Decision
    from consumer.operator.position_table import Row
    from consumer.operator.positions import PositionAdmin

app = typer.Typer(help="Positions and progress of the partitions.", no_args_is_help=True)

BOTH = "Kafka and MongoDB"
COLUMNS = (
    "partition",
    "position",
    "published",
    "log_start",
    "log_end",
    "generation",
    "problem",
    "decision",
)


@app.command()
def show(*, as_json: Json = False) -> None:
    """Show position, progress and log of each partition.

    If a partition is stopped or would stop, shows the problem and the decision for it.

    Example: contracts positions show
    """
    _print(run_async(_show(), waiting_for=BOTH), as_json=as_json)


@app.command()
def reset(
    partition: Annotated[
        list[int] | None,
        typer.Option(metavar="N", help="Only this partition. Can be repeated.", show_default=False),
    ] = None,
    *,
    to_database: Annotated[
        bool,
        typer.Option("--to-database", help="Trust the database: everything it holds counts as published."),
    ] = False,
    from_group_offset: Annotated[
        bool,
        typer.Option(
            "--from-group-offset", help="Upgrade from version 0.1: take the progress from the group's offset."
        ),
    ] = False,
    rebuild: Annotated[
        bool,
        typer.Option(
            "--rebuild", help="The database is empty: apply the whole log again, publish nothing twice."
        ),
    ] = False,
    accept_cluster: Annotated[
        bool,
        typer.Option(
            "--accept-cluster", help="Another Kafka cluster holds the same log at the same offsets."
        ),
    ] = False,
    accept_group: Annotated[
        bool,
        typer.Option("--accept-group", help="Continue from the position under the new consumer group."),
    ] = False,
    new_generation: Annotated[
        bool,
        typer.Option(
            "--new-generation", help="The topic was created again: keep the contracts, apply the new log."
        ),
    ] = False,
    accept_partition_count: Annotated[
        bool,
        typer.Option(
            "--accept-partition-count", help="Partitions were added after the old ones were drained."
        ),
    ] = False,
    to_log_start: Annotated[
        bool,
        typer.Option(
            "--to-log-start",
            help="Skip records that were deleted before they were applied: continue at the log start.",
        ),
    ] = False,
    to_log_end: Annotated[
        bool,
        typer.Option(
            "--to-log-end", help="Records at the end of the log are missing: continue at the log end."
        ),
    ] = False,
    past_damage: Annotated[
        bool,
        typer.Option("--past-damage", help="Skip damaged records that no replica has an intact copy of."),
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Also if `positions show` names another decision, or if outputs are lost.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Decide how a stopped partition continues.

    Stop all instances of the service first. Without --partition the decision applies to every partition for
    which `positions show` names a decision. Outputs that are stored and not published yet are published by
    the decision or by the next start. The command lists those that are not.

    Example: contracts positions reset --rebuild
    """
    from consumer.operator.decisions import Decision

    given = {
        Decision.TO_DATABASE: to_database,
        Decision.FROM_GROUP_OFFSET: from_group_offset,
        Decision.REBUILD: rebuild,
        Decision.ACCEPT_CLUSTER: accept_cluster,
        Decision.ACCEPT_GROUP: accept_group,
        Decision.NEW_GENERATION: new_generation,
        Decision.ACCEPT_PARTITION_COUNT: accept_partition_count,
        Decision.TO_LOG_START: to_log_start,
        Decision.TO_LOG_END: to_log_end,
        Decision.PAST_DAMAGE: past_damage,
    }
    chosen = [decision for decision, wanted in given.items() if wanted]
    if len(chosen) != 1:
        raise WrongUsage("give exactly one decision", hint="`contracts positions reset --help` lists them")
    reset_ = _reset(chosen[0], partition or None, force=force)
    look = "`contracts positions show` shows for which partitions the decision was made"
    _print(run_async(reset_, interrupted=look, waiting_for=BOTH), as_json=as_json)
    note("start the service again: it continues from these positions")


def _print(rows: list[Row], *, as_json: bool) -> None:
    table_or_json(map(asdict, rows), COLUMNS, as_json=as_json)


async def _show() -> list[Row]:
    async with _admin() as admin:
        return await admin.show()


async def _reset(decision: Decision, partitions: list[int] | None, *, force: bool) -> list[Row]:
    async with _admin() as admin:
        rows = await admin.reset(decision, partitions, force=force)
        for line in admin.told:
            note(line)
        return rows


@asynccontextmanager
async def _admin() -> AsyncIterator[PositionAdmin]:
    from consumer.bootstrap import make_store, opened_mongo
    from consumer.operator.positions import position_admin

    settings = load_settings()
    async with (
        opened_mongo(settings) as client,
        position_admin(settings, make_store(settings, client)) as admin,
    ):
        yield admin

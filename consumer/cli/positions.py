"""`contracts positions …`: position and progress of partitions, decisions about stopped ones."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from consumer.cli.output import Json, note, table_or_json
from consumer.cli.running import load_settings, run_async
from consumer.errors import WrongUsage
from consumer.operator.choices import MEANINGS, Decision

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

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

    For a partition that is stopped, or would stop, also shows the problem and the decision that solves it.

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
        typer.Option("--to-database", help=MEANINGS[Decision.TO_DATABASE]),
    ] = False,
    from_group_offset: Annotated[
        bool,
        typer.Option("--from-group-offset", help=MEANINGS[Decision.FROM_GROUP_OFFSET]),
    ] = False,
    rebuild: Annotated[
        bool,
        typer.Option("--rebuild", help=MEANINGS[Decision.REBUILD]),
    ] = False,
    accept_cluster: Annotated[
        bool,
        typer.Option("--accept-cluster", help=MEANINGS[Decision.ACCEPT_CLUSTER]),
    ] = False,
    accept_group: Annotated[
        bool,
        typer.Option("--accept-group", help=MEANINGS[Decision.ACCEPT_GROUP]),
    ] = False,
    new_generation: Annotated[
        bool,
        typer.Option("--new-generation", help=MEANINGS[Decision.NEW_GENERATION]),
    ] = False,
    accept_partition_count: Annotated[
        bool,
        typer.Option("--accept-partition-count", help=MEANINGS[Decision.ACCEPT_PARTITION_COUNT]),
    ] = False,
    to_log_start: Annotated[
        bool,
        typer.Option("--to-log-start", help=MEANINGS[Decision.TO_LOG_START]),
    ] = False,
    to_log_end: Annotated[
        bool,
        typer.Option("--to-log-end", help=MEANINGS[Decision.TO_LOG_END]),
    ] = False,
    past_damage: Annotated[
        bool,
        typer.Option("--past-damage", help=MEANINGS[Decision.PAST_DAMAGE]),
    ] = False,
    from_checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--from-checkpoint",
            metavar="FOLDER",
            help="The database is empty: restore this checkpoint to it.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Decide even if `positions show` names another decision, or if outputs are lost.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Decide how a stopped partition continues.

    Stop all instances of the service first. Without --partition the decision applies to every partition for
    which `positions show` names a decision. Outputs that are stored and not published yet are published now
    or at the next start. If outputs are lost, the command lists their offsets.

    Example: contracts positions reset --rebuild
    """
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
    if len(chosen) + (from_checkpoint is not None) != 1:
        raise WrongUsage("give exactly one decision", hint="`contracts positions reset --help` lists them")
    if from_checkpoint is not None:
        _restore(from_checkpoint, partition, force=force, as_json=as_json)
        return
    reset_ = _reset(chosen[0], partition or None, force=force)
    look = "`contracts positions show` shows the partitions that have the decision"
    _print(run_async(reset_, interrupted=look, waiting_for=BOTH), as_json=as_json)
    note("start the service again: it continues from these positions")


def _restore(folder: Path, partition: list[int] | None, *, force: bool, as_json: bool) -> None:
    from consumer.cli.checkpoint import restored

    if partition:
        raise WrongUsage("a checkpoint is restored for all partitions: leave out --partition")
    rows = run_async(
        restored(folder, force=force),
        interrupted="the database is restored in part: run it again",
        waiting_for=lambda: None,  # it takes longer anyway, and shows its progress
    )
    _print(rows, as_json=as_json)
    note("start the service: it applies the log from these positions on")


def _print(rows: list[Row], *, as_json: bool) -> None:
    table_or_json(map(asdict, rows), COLUMNS, as_json=as_json)


async def _show() -> list[Row]:
    async with _admin() as admin:
        return await admin.show()


async def _reset(decision: Decision, partitions: list[int] | None, *, force: bool) -> list[Row]:
    async with _admin() as admin:
        rows = await admin.reset(decision, partitions, force=force)
        for line in admin.report:
            note(line)
        return rows


@asynccontextmanager
async def _admin() -> AsyncIterator[PositionAdmin]:
    from consumer.bootstrap import make_store
    from consumer.clients import opened_mongo
    from consumer.operator.positions import position_admin

    settings = load_settings()
    async with (
        opened_mongo(settings) as client,
        position_admin(settings, make_store(settings, client)) as admin,
    ):
        yield admin

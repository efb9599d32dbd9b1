"""`contracts checkpoint …`: the state at one moment, as files."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from consumer.cli.output import Json, note, progress, table_or_json
from consumer.cli.running import load_settings, run_async

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consumer.operator.checkpoint.check import Part
    from consumer.operator.checkpoint.creation import Created
    from consumer.operator.checkpoint.cutting import Cut
    from consumer.operator.checkpoint.manifest import Manifest
    from consumer.operator.position_table import Row

app = typer.Typer(help="The state at one moment, as files.", no_args_is_help=True)

PARTS: Final = ("collection", "documents", "files", "bytes", "stored")

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Where `checkpoint create` wrote it.")]


@app.command()
def create(
    *,
    to: Annotated[
        Path, typer.Option("--to", metavar="FOLDER", help="Where to write it; made if it is not there.")
    ] = Path("contracts-checkpoint"),
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Replace the checkpoint in the folder even if it is later or of another service."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Write contracts, history and positions of one moment to files.

    The service can run meanwhile. The manifest is written last: without it, the folder is no checkpoint.
    Files that an interrupted run or an earlier checkpoint has left there are not written again.

    Example: contracts checkpoint create --to /backup/contracts
    """
    from consumer.operator.checkpoint.check import parts_of
    from consumer.operator.checkpoint.files import Files

    created = run_async(
        _create(to, force=force),
        interrupted="no checkpoint was written; run it again with the same folder",
        waiting_for=lambda: None,  # it takes longer anyway, and shows its progress
    )
    _print(created.manifest, parts_of(created.manifest, Files(to)), as_json=as_json)
    if created.reused:
        note(f"{created.reused} files were there already")


@app.command()
def verify(
    folder: Folder,
    *,
    as_json: Json = False,
) -> None:
    """Check that a checkpoint is as it was written.

    Reads every file: hashes, counts, the chain of the history, and whether the positions count the contracts
    that are there. Needs no server.

    Example: contracts checkpoint verify /backup/contracts
    """
    from consumer.operator.checkpoint.check import CheckpointCheck

    check = CheckpointCheck(folder)
    with progress("documents") as done:
        manifest = check.run(done)
    _print(manifest, check.parts, as_json=as_json)


@app.command()
def export(
    folder: Folder,
    *,
    to: Annotated[
        Path, typer.Option("--to", metavar="FOLDER", help="Where to write the Parquet files.")
    ] = Path("contracts-parquet"),
    as_json: Json = False,
) -> None:
    """Write contracts and history of a checkpoint as Parquet.

    For programs that analyse them; it cannot be restored. Needs the extra contract-service[parquet].

    Example: contracts checkpoint export /backup/contracts --to parquet
    """
    from consumer.operator.checkpoint.export import export as write

    with progress("documents") as done:
        rows = write(folder, to, done)
    shown = [{"file": str(to / f"{name}.parquet"), "rows": count} for name, count in rows.items()]
    table_or_json(shown, ("file", "rows"), as_json=as_json)


@app.command()
def offsets(folder: Folder, *, as_json: Json = False) -> None:
    """Print up to which offsets the command log may be cut.

    Verifies the checkpoint, and that the service needs no earlier record. Nothing is deleted. After a cut the
    log leads nowhere without this checkpoint or a later one: keep copies.

    Example: contracts checkpoint offsets /backup/contracts
    """
    from consumer.operator.checkpoint.check import CheckpointCheck

    with progress("documents") as done:
        manifest = CheckpointCheck(folder).run(done)
    rows = [cut._asdict() for cut in run_async(_cuts(manifest), waiting_for="Kafka and MongoDB")]
    table_or_json(rows, ("topic", "partition", "offset"), as_json=as_json)


def _print(manifest: Manifest, parts: Sequence[Part], *, as_json: bool) -> None:
    table_or_json([part._asdict() for part in parts], PARTS, as_json=as_json)
    note(f"checkpoint {manifest.id()}")


async def _create(folder: Path, *, force: bool) -> Created:
    from consumer.clients import opened_mongo
    from consumer.kafka.cluster import make_client
    from consumer.kafka.journal import Journal
    from consumer.operator.checkpoint.creation import Creation
    from consumer.operator.checkpoint.manifest import deciding
    from consumer.storage.snapshot import Snapshot
    from consumer.version import service_version
    from schemas.topics import COMMANDS, POSITIONS

    settings = load_settings()
    topic = settings.topic_prefix + COMMANDS
    async with opened_mongo(settings) as client:
        with progress("documents") as done:
            return await Creation(
                Snapshot(client, settings.mongo_database, topic),
                Journal(partial(make_client, settings), settings.topic_prefix + POSITIONS),
                folder,
                release=service_version(),
                topic=topic,
                settings=deciding(settings),
                force=force,
                on_progress=done,
            ).run()


async def _cuts(manifest: Manifest) -> list[Cut]:
    from consumer.bootstrap import make_store
    from consumer.clients import opened_mongo
    from consumer.operator.checkpoint.cutting import cuts
    from consumer.operator.positions import position_admin

    settings = load_settings()
    async with opened_mongo(settings) as client:
        store = make_store(settings, client)
        async with position_admin(settings, store) as admin:
            names = [position.partition for position in manifest.positions.values()]
            return cuts(manifest, await admin.show(), await store.positions(names))


async def restored(folder: Path, *, force: bool) -> list[Row]:
    """Restores a checkpoint, for `contracts positions reset`."""
    from consumer.bootstrap import make_store
    from consumer.clients import opened_mongo
    from consumer.operator.checkpoint.restoring import opened, refuse_other_settings
    from consumer.operator.positions import position_admin
    from consumer.storage.restoring import Restoring

    settings = load_settings()
    async with (
        opened_mongo(settings) as client,
        position_admin(settings, make_store(settings, client)) as admin,
    ):
        retention = settings.history_retention_days
        restoring = Restoring(client, settings.mongo_database, history_retention_days=retention)
        with progress("documents") as done, opened(folder, restoring, done) as restoration:
            if not force:
                refuse_other_settings(restoration.manifest, settings)
            return await admin.restore(restoration)

"""`contracts schemas …`: the published JSON Schemas and AsyncAPI document."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from consumer.cli.output import Json, note, table_or_json
from consumer.errors import InputRefused, SchemasIncompatible

if TYPE_CHECKING:
    from schemas.compatibility import Change
    from schemas.differences import Schema

app = typer.Typer(help="Published JSON Schemas and AsyncAPI document.", no_args_is_help=True)

COLUMNS = ("message", "path", "change", "producers", "consumers", "breaking")

Folder = Annotated[Path, typer.Argument(help="Directory to write to; created if it does not exist.")]
Against = Annotated[
    str,
    typer.Option(
        metavar="REF", help="Commit, branch or tag to compare with, or a directory of exported schemas."
    ),
]


@app.command()
def export(folder: Folder, *, as_json: Json = False) -> None:
    """Write the JSON Schemas and the AsyncAPI document.

    One schema for each message and one for the contract.

    Example: contracts schemas export ./schemas --json
    """
    from schemas.export import export as write

    try:
        written = write(folder)
    except OSError as error:
        raise InputRefused(f"cannot write to {folder}: {error.strerror}") from None
    table_or_json([{"file": str(file)} for file in written], ("file",), as_json=as_json)


@app.command()
def check(*, against: Against, as_json: Json = False) -> None:
    """Check schema changes for compatibility.

    Compares the schemas with another version of them. Exit code 15 means that a change breaks producers of
    commands or consumers of events: it needs a new version of the message type.

    Example: contracts schemas check --against v1.0.0
    """
    from schemas.compatibility import changes
    from schemas.jsonschema import schemas

    found = changes(_published(against), schemas())
    table_or_json(map(_row, found), COLUMNS, as_json=as_json, nothing="")
    breaking = sum(change.breaking for change in found)
    if breaking:
        raise SchemasIncompatible(f"{breaking} of {len(found)} changes break producers or consumers")
    note(f"{len(found)} changes, none breaking")


def _row(change: Change) -> dict[str, object]:
    return {
        "message": change.label,
        "path": change.path,
        "change": change.text,
        "producers": "must change" if change.breaks_producers else "compatible",
        "consumers": "must change" if change.breaks_consumers else "compatible",
        "breaking": change.breaking,
    }


def _published(against: str) -> dict[str, Schema]:
    from schemas.compatibility import in_folder, in_git

    folder = Path(against)
    try:
        found = in_folder(folder) if folder.is_dir() else in_git(against)
    except FileNotFoundError:
        raise InputRefused(f"{against} is not a directory, and git is not installed") from None
    except subprocess.CalledProcessError as error:
        lines = error.stderr.decode("utf-8", "replace").strip().splitlines() or ["git failed"]
        raise InputRefused(
            f"{against} is neither a directory nor a commit with schemas: {lines[-1]}"
        ) from None
    except OSError as error:
        raise InputRefused(f"cannot read {against}: {error.strerror}") from None
    except ValueError as error:
        raise InputRefused(f"{against}: {error}") from None
    if not found:
        raise InputRefused(f"there are no schemas in {against}")
    return found

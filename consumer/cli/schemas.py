"""`contracts schemas …`: the published JSON Schemas and AsyncAPI document."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from consumer.cli.output import Json, note, table_or_json
from consumer.errors import InputRefused, SchemasIncompatible
from schemas.accepted import accepted

if TYPE_CHECKING:
    from schemas.compatibility import Change
    from schemas.differences import Schema

app = typer.Typer(help="Published JSON Schemas and AsyncAPI document.", no_args_is_help=True)

COLUMNS = ("message", "path", "change", "producers", "consumers", "breaking", "accepted")

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
    """Check changes of schemas and of the HTTP API for compatibility.

    Compares what is published with another version of it. Exit code 15 means that a change breaks producers
    of commands, consumers of events or callers of the API: it needs a new version beside the old one. A
    change that was decided on is shown with its reason, and does not count.

    Example: contracts schemas check --against v1.0.0
    """
    from schemas.compatibility import changes
    from schemas.export import compared

    found = changes(_published(against), compared())
    table_or_json(map(_row, found), COLUMNS, as_json=as_json, nothing="")
    decided = sum(accepted(change) is not None for change in found)
    breaking = sum(change.breaking for change in found) - decided
    if breaking:
        raise SchemasIncompatible(f"{breaking} of {len(found)} changes break producers, consumers or callers")
    note(
        f"{len(found)} changes, none breaking"
        + (f" that is not accepted; accepted: {decided}" if decided else "")
    )


def _row(change: Change) -> dict[str, object]:
    decision = accepted(change)
    return {
        "message": change.label,
        "path": change.path,
        "change": change.text,
        "producers": "must change" if change.breaks_producers else "compatible",
        "consumers": "must change" if change.breaks_consumers else "compatible",
        "breaking": change.breaking and decision is None,
        "accepted": f"since {decision.since}: {decision.reason}" if decision else None,
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

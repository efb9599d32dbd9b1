"""`contracts result`: the outcome of a command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from consumer.cli.listing import opened_reader, why_nothing
from consumer.cli.output import NOTHING, Json, note, table_or_json
from consumer.cli.running import load_settings, run_async
from consumer.errors import CommandNotFound

if TYPE_CHECKING:
    from consumer.reading.views import HistoryItem

COLUMNS: Final = ("occurred_at", "source", "command", "outcome", "code", "contract_id", "version")


def result(
    command_id: Annotated[str, typer.Argument(help="Id of the command.", metavar="ID", show_default=False)],
    account: Annotated[
        str,
        typer.Option("--account", metavar="ACCOUNT", help="Account id.", show_default=False),
    ],
    source: Annotated[
        str | None,
        typer.Option(
            metavar="URI",
            help="Source of the command. Default: any; for pruned entries CONTRACTS_COMMAND_SOURCE.",
            show_default=False,
        ),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Show the outcome of a command.

    Account, source and id together identify a command. The outcome is read from the history in MongoDB: a
    command that is still in the log and not applied has none. If the history entry was pruned, only the
    outcome is left, and --source must be the exact source of the command.

    Example: contracts result 5f0c2c1e --account acme
    """
    rows = run_async(_rows(command_id, account, source))
    table_or_json(rows, COLUMNS, as_json=as_json)
    if any(row["pruned"] for row in rows):
        note("pruned: the entry is older than the retention of the history; only the outcome is left")


async def _rows(command_id: str, account: str, source: str | None) -> list[dict[str, Any]]:
    sender = source or load_settings().command_source
    async with opened_reader() as reader:
        found = await reader.command(account, command_id, sender)
    rows = [_row(item, command_id, sender) for item in found]
    if rows := [row for row in rows if source in {None, row["source"]}]:
        return rows
    why = await why_nothing()
    by = "" if source is None else f" from {source}"
    reason = "" if why == NOTHING else f": {why}"
    raise CommandNotFound(f"the history has no command {command_id}{by} for account {account}{reason}")


def _row(item: HistoryItem, command_id: str, sender: str) -> dict[str, Any]:
    pruned = item.command_id is None
    return {
        "id": command_id,
        "occurred_at": item.occurred_at,
        "source": sender if pruned else item.source,
        "command": item.command,
        "outcome": item.outcome,
        "code": item.code,
        "contract_id": item.contract_id,
        "version": item.version,
        "pruned": pruned,
    }

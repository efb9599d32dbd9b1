"""`contracts preview`: what a command would do, and what becomes due without one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from consumer.cli.account import AccountId  # noqa: TC001 - typer reads the annotations
from consumer.cli.events import AtOption, later_time_of, summary
from consumer.cli.listing import why_nothing
from consumer.cli.output import NOTHING, Json, document_or_json
from consumer.cli.publish import (
    SOURCE,
    CheckOption,
    CommandName,
    DataOption,
    FieldsOption,
    IdOption,
    SourceOption,
    data_of,
)
from consumer.cli.running import load_settings, run_async
from consumer.errors import ContractNotFound, WrongUsage

if TYPE_CHECKING:
    from consumer.reading.future import ForeseenEvent
    from consumer.reading.preview import ContractPreview, Preview

MONTHS: Final = 12


def preview(
    account_id: AccountId,
    command: Annotated[
        CommandName | None,
        typer.Argument(
            help="Name of the command. Default: none; shows what becomes due.",
            metavar="[COMMAND]",
            show_default=False,
        ),
    ] = None,
    *,
    json_data: DataOption = "{}",
    fields: FieldsOption = None,
    command_id: IdOption = None,
    source: SourceOption = SOURCE,
    check: CheckOption = True,
    at: AtOption = None,
    months: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=600,
            metavar="N",
            help="Without a command: number of months to look ahead. Default: 12.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what a command would do, or what time alone would do.

    Applies what is due by that time, and then the command, to a copy of the contract in memory. Stores
    nothing and sends nothing. Exit code 9 if the command would be rejected.

    For instance:

    contracts preview acme cancel --set effective=end_of_term

    contracts preview acme renew --set term_months=6 --at 2027-01-15

    contracts preview acme --months 24
    """
    if months is not None and (command is not None or at is not None):
        raise WrongUsage("--months cannot be used with a command or with --at")
    if command is None:
        if json_data != "{}" or fields or command_id is not None:
            raise WrongUsage("--data, --set and --id need a command")
        found = run_async(_calendar(account_id, at, MONTHS if months is None else months))
    else:
        data = data_of(command.value, json_data, fields, check=check)
        found = run_async(_command(command.value, account_id, data, source, command_id, at))
    document_or_json(found.as_data() if as_json else _in_words(found), as_json=as_json)
    if found.result is not None:
        from producers.results import CommandResult

        CommandResult.from_data(account_id, dict(found.result)).raise_if_rejected()


async def _command(
    name: str, account_id: str, data: bytes, source: str, command_id: str | None, at: str | None
) -> Preview:
    from consumer.clients import contract_preview
    from producers.messages import unchecked_message

    message = unchecked_message(name, account_id, data, source=source, command_id=command_id)
    async with contract_preview(load_settings()) as contracts:
        return await contracts.command(message, _moment(at))


async def _calendar(account_id: str, at: str | None, months: int) -> Preview:
    from consumer.clients import contract_preview

    async with contract_preview(load_settings()) as contracts:
        found = await _ahead(contracts, account_id, at, months)
    if found.before is None:
        why = await why_nothing()
        missing = f"account {account_id} has no contract"
        raise ContractNotFound(missing if why == NOTHING else f"{missing}: {why}")
    return found


async def _ahead(contracts: ContractPreview, account_id: str, at: str | None, months: int) -> Preview:
    moment = _moment(at)
    if moment is None:
        return await contracts.coming_months(account_id, months)
    return await contracts.calendar(account_id, moment)


def _moment(at: str | None) -> datetime | None:
    return None if at is None else later_time_of(at, datetime.now(UTC))


def _in_words(found: Preview) -> dict[str, Any]:
    """The parts of the preview for people; --json prints all of it."""
    after = found.after
    shown: dict[str, Any] = {
        "account_id": found.account_id,
        "at": found.at,
        "expected_version": found.expected_version,
    }
    if found.result is not None:
        shown["result"] = {
            name: value for name, value in found.result.items() if name not in {"command", "processed_at"}
        }
    if after is not None:
        shown["after"] = {name: after[name] for name in ("contract_id", "status", "version", "end_date")}
    shown["due"] = [*map(_event, found.due)]
    shown["events"] = [*map(_event, found.events)]
    shown["changed_fields"] = [
        {"path": each["path"], "before": each.get("before"), "after": each.get("after")}
        for each in found.changed_fields
    ]
    return {name: value for name, value in shown.items() if value != []}


def _event(event: ForeseenEvent) -> dict[str, Any]:
    return {
        "effective_at": datetime.fromisoformat(event.data["effective_at"]),
        "event": event.name,
        "what": summary(event),
    }

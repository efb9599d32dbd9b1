"""`contracts get` and `usage`: one account."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from consumer.cli.events import time_of
from consumer.cli.listing import opened_reader, why_nothing
from consumer.cli.output import NOTHING, Json, document_or_json, table_or_json
from consumer.cli.running import run_async
from consumer.errors import ContractNotFound, WrongUsage

if TYPE_CHECKING:
    from consumer.reading.views import PastContract

AccountId = Annotated[str, typer.Argument(help="Account id.", metavar="ACCOUNT", show_default=False)]

USAGE: Final = ("period", "metric", "value", "limit", "percent", "threshold")


def get(
    account_id: Annotated[
        str,
        typer.Argument(help="Account id; with --id, contract id.", metavar="ACCOUNT", show_default=False),
    ],
    *,
    by_id: Annotated[
        bool, typer.Option("--id", help="ACCOUNT is a contract id. Also finds former contracts.")
    ] = False,
    version: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Show this version of the contract; needs --id.", show_default=False
        ),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            metavar="WHEN",
            help="Show the contract at this time, or this long ago (2h, 7d).",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a contract, now or at an earlier time.

    For instance:

    contracts get acme

    contracts get acme --as-of 2026-01-31

    contracts get --id contract_20260101_000000_0123456789ab --version 3 --json
    """
    if version is not None and (not by_id or as_of is not None):
        raise WrongUsage("--version needs --id, and cannot be used with --as-of")
    if as_of is not None and by_id:
        raise WrongUsage("--as-of needs an account id, and cannot be used with --id")
    document_or_json(run_async(_get(account_id, by_id=by_id, version=version, as_of=as_of)), as_json=as_json)


async def _get(name: str, *, by_id: bool, version: int | None, as_of: str | None) -> dict[str, Any]:
    try:
        return await _contract(name, by_id=by_id, version=version, as_of=as_of)
    except ContractNotFound as error:
        why = await why_nothing()
        raise error if why == NOTHING else ContractNotFound(f"{error}: {why}") from None


async def _contract(name: str, *, by_id: bool, version: int | None, as_of: str | None) -> dict[str, Any]:
    async with opened_reader() as reader:
        if version is not None:
            return _past(await reader.at_version(name, version), f"{name} has no version {version}")
        if as_of is not None:
            moment = time_of(as_of, datetime.now(UTC))
            return _past(await reader.as_of(name, moment), f"account {name} had no contract then")
        if by_id:
            found = await reader.by_contract_id(name)
            if found is not None:
                return {**found.contract, "current": found.current}
        elif contract := await reader.by_account(name):
            return dict(contract)
    raise ContractNotFound(f"contract {name} does not exist" if by_id else f"account {name} has no contract")


def _past(found: PastContract | None, missing: str) -> dict[str, Any]:
    if found is None:
        raise ContractNotFound(missing)
    made = {"change": found.change, "effective_at": found.effective_at, "recorded_at": found.recorded_at}
    return {**found.contract, "made_by": {**made, "by": found.by}}


def usage(account_id: AccountId, *, as_json: Json = False) -> None:
    """Show the reported usage of an account and its limits.

    For this month and the last one. `threshold` is the highest one for which `limit_reached` was published.

    Example: contracts usage acme
    """

    async def ask() -> list[dict[str, Any]]:
        async with opened_reader() as reader:
            found = await reader.usage(account_id)
        if found is None:
            raise ContractNotFound(f"account {account_id} has no contract")
        return [asdict(metric) for metric in found.metrics]

    table_or_json(run_async(ask()), USAGE, as_json=as_json, nothing="no usage was reported")

"""`contracts templates migrate`: contracts brought from one template to another."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from consumer.cli.output import Json, document_or_json, note, progress
from consumer.cli.running import load_settings, run_async
from consumer.errors import InputRefused

if TYPE_CHECKING:
    from consumer.reading.migration import Migration
    from producers.bulk_report import ImportReport
    from producers.bulk_rows import Row
    from schemas.names import Effective

_AGAIN: Final = "what was sent will be applied; run it again to send the rest"
_REFUSED: Final = "their contracts are as they were; to move one anyway, send a change_plan for it"


class EffectiveName(StrEnum):
    """As in the command `change_plan`."""

    immediately = "immediately"
    at_renewal = "at_renewal"


def migrate(
    *,
    source: Annotated[
        str, typer.Option("--from", metavar="PLAN@VERSION", help="Template that the contracts have.")
    ],
    target: Annotated[
        str, typer.Option("--to", metavar="PLAN@VERSION", help="Template that they get; it is in force.")
    ],
    effective: Annotated[EffectiveName, typer.Option(help="When they get it.")],
    own_terms: Annotated[
        bool,
        typer.Option(
            "--own-terms", help="Also contracts whose fee, limits or features are not the template's."
        ),
    ] = False,
    send: Annotated[bool, typer.Option("--send", help="Send the commands. Default: only show.")] = False,
    as_json: Json = False,
) -> None:
    """Bring contracts from one template to another.

    Shows how many contracts it touches, what they bring a month before and after, and how many stay as they
    are, by reason; with --json also which accounts it touches. With --send a `change_plan` is then sent for
    each. Their ids are made of the templates and the contract: to run it again, after an interruption or by
    mistake, changes nothing twice. Exit code 13 means that some were refused.

    Example: contracts templates migrate --from basic@1 --to basic@2 --effective at_renewal
    """
    migration, rows = run_async(_look(source, target, effective.value, own_terms=own_terms))
    document: dict[str, Any] = {
        "from": str(migration.source),
        "to": str(migration.target),
        "effective": migration.effective,
        "contracts": len(rows),
        "monthly": {
            currency: {
                "contracts": sums.contracts,
                "before": sums.before,
                "after": sums.after,
                "difference": sums.after - sums.before,
            }
            for currency, sums in sorted(migration.sums.items())
        },
        "left_out": dict(sorted(migration.left_out.items())),
    }
    if as_json:
        document["accounts"] = [row.account_id for row in rows]
    if not send:
        document_or_json(document, as_json=as_json)
        if rows:
            note("nothing was sent: add --send to send the commands")
        return
    report = run_async(_send(migration, rows), interrupted=_AGAIN)
    document_or_json(document | {"sent": _sent(report)}, as_json=as_json)
    if report.refused:
        raise InputRefused(f"{report.refused} of {report.rows} commands were refused", hint=_REFUSED)


async def _look(
    source: str, target: str, effective: Effective, *, own_terms: bool
) -> tuple[Migration, list[Row]]:
    from consumer.clients import contract_reader
    from consumer.reading.migration import Migration, named_template
    from producers.bulk_rows import Row

    settings = load_settings()
    now = datetime.now(UTC)
    old, new = (named_template(name, settings.catalogue, now) for name in (source, target))
    migration = Migration(old, new, effective, settings.catalogue, own_terms=own_terms)
    async with contract_reader(settings) as reader:
        rows = [
            Row(data["contract_id"], "change_plan", contract["account_id"], data)
            async for contract in reader.each(contract_type=old.contract_type)
            if (data := migration.command(contract, now))
        ]
    return migration, rows


async def _send(migration: Migration, rows: list[Row]) -> ImportReport:
    from producers.bulk import BulkImport
    from producers.connect import make_command_producer

    with progress("sent", len(rows)) as done:
        importing = BulkImport(
            migration.name,
            on_refused=lambda row: note(f"{row.place}: {row.message}"),
            on_progress=done,
        )
        async with make_command_producer(load_settings()) as commands:
            return await importing.run(rows, commands)


def _sent(report: ImportReport) -> dict[str, int]:
    return {
        "applied": report.applied,
        "unchanged": report.unchanged,
        "duplicates": report.duplicates,
        "refused": report.refused,
    }

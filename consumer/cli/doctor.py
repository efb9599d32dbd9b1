"""`contracts doctor`: checks everything that the service needs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from consumer.cli.output import Json, table_or_json
from consumer.cli.running import load_settings, run_async
from consumer.errors import ChecksFailed, SettingsError

if TYPE_CHECKING:
    from consumer.operator.findings import Finding
    from consumer.settings import Settings

COLUMNS: Final = ("check", "state", "found", "hint")


def doctor(*, as_json: Json = False) -> None:
    """Check the installation: servers, rights, topics, clocks.

    Changes nothing. All checks run, also after one has failed. A check that needs a failed one is `not
    checked`.

    Example: contracts doctor --json
    """
    from consumer.operator.findings import State

    found = _found()
    table_or_json(map(asdict, found), COLUMNS, as_json=as_json)
    if failed := [finding.check for finding in found if finding.state is State.FAILED]:
        raise ChecksFailed(f"{len(failed)} of {len(found)} checks failed: {', '.join(failed)}")


def _found() -> list[Finding]:
    from consumer.operator.findings import Finding, State

    try:
        settings = load_settings()
        return [_of_settings(settings), *run_async(_examined(settings), waiting_for=lambda: None)]
    except SettingsError as error:
        return [
            Finding("settings", State.FAILED, "; ".join(error.mistakes), error.hint),
            Finding("all others", State.NOT_CHECKED, "needs: settings"),
        ]


def _of_settings(settings: Settings) -> Finding:
    """The settings that are given, with their origin."""
    from consumer.cli.settings import rows
    from consumer.operator.findings import Finding, State

    given = [row for row in rows(settings) if row["origin"] != "default"]
    listed = "; ".join(f"{row['setting']}={row['value']} ({row['origin']})" for row in given)
    return Finding("settings", State.OK, listed or "all as they are by default")


async def _examined(settings: Settings) -> list[Finding]:
    from consumer.operator.doctor import Doctor, examine

    async with Doctor(settings) as doctor:
        return [finding async for finding in examine(doctor.checks())]

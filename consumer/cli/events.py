"""`contracts events`: published events and results, up to now or continuously."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Final, get_args

import typer

from consumer.cli.output import NOTHING, Json, as_text, note, to_json
from consumer.cli.running import KAFKA, load_settings, run_async
from consumer.cli.tables import coloured
from consumer.errors import WrongUsage
from schemas import names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consumer.reading.events import EventQuery, ReadEvent
    from consumer.reading.future import ForeseenEvent

EventName = Enum("EventName", {name: name for name in get_args(names.EventName)}, type=str)  # type: ignore[misc]
ChangeName = Enum("ChangeName", {name: name for name in get_args(names.Change)}, type=str)  # type: ignore[misc]

COLUMNS: Final = ("time", "account_id", "event", "what")
_COLOURS: Final = {
    "changed": typer.colors.GREEN,
    "expiring": typer.colors.YELLOW,
    "renewal_notice": typer.colors.CYAN,
    "limit_reached": typer.colors.MAGENTA,
}
_AGE: Final = re.compile(r"(\d{1,9})([smhd])")
_HOUR_24: Final = re.compile("[T ]24", re.IGNORECASE)
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SHOWN_FIELDS: Final = 5


def events(
    account: Annotated[
        str | None,
        typer.Option("--account", metavar="ACCOUNT", help="Only this account.", show_default=False),
    ] = None,
    event: Annotated[
        list[EventName] | None,
        typer.Option(
            "--event",
            metavar=" | ".join(get_args(names.EventName)),
            help="Only this kind of event. Can be repeated.",
            show_default=False,
        ),
    ] = None,
    change: Annotated[
        list[ChangeName] | None,
        typer.Option(
            "--change",
            metavar=" | ".join(get_args(names.Change)),
            help="Only this kind of change. Can be repeated.",
            show_default=False,
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN",
            help="Only from this time on, or from this long ago (90s, 15m, 2h, 7d). Default: all events; "
            "with --follow, only new ones.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Stop after this number of events.", show_default=False),
    ] = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for new events until Ctrl-C.")] = False,
    as_json: Json = False,
) -> None:
    """Show published events and results.

    Reads committed records only, as a consumer with `read_committed` does. Joins no consumer group.

    For instance:

    contracts events --account acme

    contracts events --follow --event expiring --json
    """
    from consumer.reading.events import EventQuery

    query = EventQuery(
        account_id=account,
        events=frozenset(each.value for each in event or ()),
        changes=frozenset(each.value for each in change or ()),
        since=None if since is None else time_of(since, datetime.now(UTC)),
        follow=follow,
    )
    printer = _Printer(as_json=as_json)
    run_async(
        _show(query, limit, printer),
        interrupted=lambda: f"after {printer.shown} events",
        waiting_for=lambda: None if printer.shown else ("events" if follow else KAFKA),
    )


async def _show(query: EventQuery, limit: int | None, printer: _Printer) -> None:
    from contextlib import aclosing

    from consumer.reading.events import events as read

    printer.begin()
    async with aclosing(read(load_settings(), query)) as found:  # type: ignore[type-var]
        async for event in found:
            printer.show(event)
            if printer.shown == limit:
                return
    if printer.shown == 0:
        note(NOTHING)


class _Printer:
    """Prints each event as soon as it arrives."""

    def __init__(self, *, as_json: bool) -> None:
        self.shown = 0
        self._as_json = as_json
        self._for_people = sys.stdout.isatty()

    def begin(self) -> None:
        """Print the heading of tab-separated output."""
        if not self._as_json and not self._for_people:
            typer.echo("\t".join(COLUMNS))

    def show(self, event: ReadEvent) -> None:
        if self._as_json:
            line = to_json(as_json_object(event))
        else:
            cells = [as_text(cell) for cell in (event.time, event.account_id, event.name, summary(event))]
            line = self._coloured(event, cells) if self._for_people else "\t".join(cells)
        typer.echo(line, color=coloured(sys.stdout))
        sys.stdout.flush()
        self.shown += 1

    @staticmethod
    def _coloured(event: ReadEvent, cells: list[str]) -> str:
        time, account, name, what = cells
        shown = typer.style(f"{name:<14}", fg=_COLOURS.get(event.name))
        return f"{typer.style(time, dim=True)}  {account:<20}  {shown}  {what}"


def as_json_object(event: ReadEvent) -> dict[str, Any]:
    """An event as --json prints it: a CloudEvent in JSON, with topic, partition and offset."""
    source = {"topic": event.topic, "partition": event.partition, "offset": event.offset}
    return {**event.attributes, "data": event.data, "kafka": {**source, "timestamp": event.time}}


def _prorated(data: Mapping[str, Any]) -> str:
    """The proration of a change, as text; empty if there is none."""
    if "proration" not in data:
        return ""
    return f"; proration {data['proration']['net']:,} {data['contract']['currency']}"


def summary(event: ReadEvent | ForeseenEvent) -> str:
    """A short description of the event."""
    data = event.data
    match event.name:
        case "changed":
            paths = [field["path"].lstrip("/") for field in data["changed_fields"]]
            more = f" and {len(paths) - _SHOWN_FIELDS} more" if len(paths) > _SHOWN_FIELDS else ""
            fields = f": {', '.join(paths[:_SHOWN_FIELDS])}{more}" if paths else ""
            return f"{data['change']}, version {data['version']}{fields}{_prorated(data)}"
        case "expiring":
            return f"lapses in {data['days_left']} days: {data['reason']}"
        case "renewal_notice":
            verb = "lapses" if "reason" in data else "renews"
            return f"{verb} in {data['days_left']} days, on {data['end_date'][:10]}"
        case "limit_reached":
            left = f"{data['days_left']} days left"
            return f"{data['metric']} {data['percent']:g} % of the limit in {data['period']}, {left}"
        case "command_result":
            command = data["command"]["type"].rpartition(".v")[0].rpartition(".")[2]
            why = f" ({data['code']}): {data.get('message', '')}" if data.get("code") else ""
            return f"{command} {data['outcome']}{why}"
        case _:
            return to_json(data)


AtOption = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="WHEN",
        help="Time of the preview, or how long from now (12h, 30d). Default: now.",
        show_default=False,
    ),
]
"""The option of previews, read by `later_time_of`."""


def later_time_of(text: str, now: datetime) -> datetime:
    """The same for a time in the future: `15m` from now.

    Raises:
        WrongUsage: the text is not a time.
    """
    try:
        age = _age(text)
        return time_of(text, now) if age is None else now + age
    except OverflowError:
        raise WrongUsage(f"{text} is out of range") from None


def _age(text: str) -> timedelta | None:
    age = _AGE.fullmatch(text)
    return timedelta(**{_UNITS[age[2]]: int(age[1])}) if age else None


def time_of(text: str, now: datetime) -> datetime:
    """The time that a user gave: `15m` ago, or a time in RFC 3339; a date is midnight UTC.

    Raises:
        WrongUsage: the text is neither.
    """
    try:
        if age := _age(text):
            return now - age
        # Python 3.14 accepts hour 24, earlier versions do not.
        moment = datetime.fromisoformat(_HOUR_24.sub("no hour", text))
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC)  # at the ends of the calendar there may be no such moment
    except (ValueError, OverflowError):
        raise WrongUsage(f"{text} is not a time: give an age (15m, 2h, 7d) or a time (2026-01-31)") from None
    if moment.tzinfo is None and len(text) > len("2026-01-31"):
        raise WrongUsage(f"{text} has no time zone", hint=f"{text}Z is UTC")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

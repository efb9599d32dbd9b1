"""Contracts that end soon, as a calendar (RFC 5545) of all-day events."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from datetime import datetime

    from consumer.reading.reader import ContractReader
    from consumer.reading.views import ExpiringContract

LINE_OCTETS: Final = 75
"""RFC 5545, 3.1: longer lines are folded."""

_BEGIN: Final = ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//contract-service//expiring//EN")
_ESCAPED: Final = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})
_DAY: Final = timedelta(days=1)
_CHUNK: Final = 1_000


async def all_ending(reader: ContractReader, days: int) -> AsyncIterator[ExpiringContract]:
    """All contracts that end within this number of days, earliest first, read page by page."""
    after: str | None = None
    while True:
        page = await reader.expiring(days, limit=_CHUNK, after=after)
        for each in page.items:
            yield each
        if page.next is None:
            return
        after = page.next


async def calendar(contracts: AsyncIterator[ExpiringContract], now: datetime) -> AsyncIterator[str]:
    """A calendar in pieces: when the term of each contract ends, when its renewal window opens, what changes.

    A window that is already open has no event. `now`: the time at which the calendar is written, aware UTC.
    """
    yield _lines(*_BEGIN)
    async for each in contracts:
        yield "".join(_events(each, now))
    yield _lines("END:VCALENDAR")


def _events(each: ExpiringContract, now: datetime) -> Iterator[str]:
    contract = each.contract
    why = f", {each.reason.replace('_', ' ')}" if each.reason else ""
    yield _event(each, "end", contract["end_date"], f"{each.action}{why}", now)
    if contract["renewal_date"] > now:
        yield _event(each, "window", contract["renewal_date"], "renewal window opens", now)
    for change in contract["scheduled_changes"]:
        if change["effective_at"] <= contract["end_date"]:
            id_ = change["change_id"]
            what = f"{change['kind'].replace('_', ' ')} ({id_})"
            yield _event(each, f"change-{text(id_)}", change["effective_at"], what, now)


def _event(each: ExpiringContract, kind: str, day: datetime, what: str, now: datetime) -> str:
    contract = each.contract
    details = (
        f"contract {contract['contract_id']}, {contract['base_monthly_fee']} {contract['currency']} a month"
    )
    return _lines(
        "BEGIN:VEVENT",
        # An event of the same term keeps its UID: a program that reads the calendar again moves the event.
        f"UID:{text(contract['contract_id'])}-{contract['term_number']}-{kind}@contracts",
        f"DTSTAMP:{now:%Y%m%dT%H%M%SZ}",
        f"DTSTART;VALUE=DATE:{day:%Y%m%d}",
        f"DTEND;VALUE=DATE:{day + _DAY:%Y%m%d}",
        f"SUMMARY:{text(contract['account_id'])}: {text(what)}",
        f"DESCRIPTION:{text(details)}",
        f"CATEGORIES:{text(contract['contract_type'])}",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
    )


def text(value: str) -> str:
    """A value of the type TEXT: escaped, and without control characters, which a calendar must not have."""
    lines = value.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(char for char in lines if char == "\n" or char.isprintable()).translate(_ESCAPED)


def _lines(*lines: str) -> str:
    return "".join(f"{part}\r\n" for line in lines for part in folded(line))


def folded(line: str) -> Iterator[str]:
    """A line in parts of 75 octets at most, none split within a character. Later ones begin with a space."""
    part, octets = "", 0
    for char in line:
        size = len(char.encode())
        if octets + size > LINE_OCTETS:
            yield part
            part, octets = " ", 1
        part, octets = part + char, octets + size
    yield part

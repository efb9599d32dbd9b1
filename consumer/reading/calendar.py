"""What ends soon as a calendar (RFC 5545): all-day events, which every calendar program takes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from datetime import datetime

    from consumer.reading.views import ExpiringContract

LINE_OCTETS: Final = 75
"""RFC 5545, 3.1: longer lines are folded."""

_BEGIN: Final = ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//contract-service//expiring//EN")
_ESCAPED: Final = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})
_DAY: Final = timedelta(days=1)


async def calendar(contracts: AsyncIterator[ExpiringContract], now: datetime) -> AsyncIterator[str]:
    """A calendar in pieces: two events a contract, when its term ends and when its renewal window opens.

    A window that is open already has no event. `now` is when the calendar was made, aware UTC.
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


def _event(each: ExpiringContract, kind: str, day: datetime, what: str, now: datetime) -> str:
    contract = each.contract
    details = (
        f"contract {contract['contract_id']}, {contract['base_monthly_fee']} {contract['currency']} a month"
    )
    return _lines(
        "BEGIN:VEVENT",
        # The same event of the same term has the same name, so that a calendar read again moves it.
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
    """The line in parts of at most 75 octets, none within a character; a space begins all but the first."""
    part, octets = "", 0
    for char in line:
        size = len(char.encode())
        if octets + size > LINE_OCTETS:
            yield part
            part, octets = " ", 1
        part, octets = part + char, octets + size
    yield part

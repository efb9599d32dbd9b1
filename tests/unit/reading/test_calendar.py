"""Calendars and tables of what ends soon, as programs of other people read them."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.reading.calendar import calendar, folded, text
from consumer.reading.export import ENDING, ending_table
from consumer.reading.views import ExpiringContract

NOW = datetime(2026, 1, 31, 12, 30, 15, tzinfo=UTC)


def contract(**fields: Any) -> ExpiringContract:
    stored = {
        "account_id": "acme",
        "contract_id": "c-1",
        "contract_type": "basic",
        "status": "active",
        "end_date": datetime(2026, 2, 28, tzinfo=UTC),
        "renewal_date": datetime(2026, 2, 14, tzinfo=UTC),
        "auto_renewal": True,
        "base_monthly_fee": Decimal("99.50"),
        "currency": "USD",
        "term_number": 2,
        "scheduled_changes": [],
        **fields,
    }
    reason = None if stored["auto_renewal"] else "no_auto_renewal"
    return ExpiringContract(stored, 28, "lapses" if reason else "renews", reason)  # type: ignore[arg-type]


async def each(*contracts: ExpiringContract) -> AsyncIterator[ExpiringContract]:
    for one in contracts:
        yield one


async def written(*contracts: ExpiringContract) -> str:
    return "".join([piece async for piece in calendar(each(*contracts), NOW)])


def events(ics: str) -> list[dict[str, str]]:
    """As a calendar program reads it: lines unfolded, values unescaped."""
    assert ics.endswith("\r\n")
    assert "\n" not in ics.replace("\r\n", "")
    lines = ics.replace("\r\n ", "").split("\r\n")[:-1]
    assert lines[:3] == ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//contract-service//expiring//EN"]
    assert lines[-1] == "END:VCALENDAR"
    found: list[dict[str, str]] = []
    for line in lines[3:-1]:
        name, value = line.split(":", 1)
        if line == "BEGIN:VEVENT":
            found.append({})
        else:
            found[-1][name] = unescaped(value)
    return found


def unescaped(value: str) -> str:
    shown, rest = "", iter(value)
    for char in rest:
        assert char not in ";,"
        shown += char if char != "\\" else {"n": "\n"}.get(follower := next(rest), follower)
    return shown


async def test_a_contract_that_renews() -> None:
    ends, opens = events(await written(contract()))
    assert ends == {
        "UID": "c-1-2-end@contracts",
        "DTSTAMP": "20260131T123015Z",
        "DTSTART;VALUE=DATE": "20260228",
        "DTEND;VALUE=DATE": "20260301",
        "SUMMARY": "acme: renews",
        "DESCRIPTION": "contract c-1, 99.50 USD a month",
        "CATEGORIES": "basic",
        "TRANSP": "TRANSPARENT",
        "END": "VEVENT",
    }
    assert (opens["UID"], opens["SUMMARY"]) == ("c-1-2-window@contracts", "acme: renewal window opens")
    assert (opens["DTSTART;VALUE=DATE"], opens["DTEND;VALUE=DATE"]) == ("20260214", "20260215")


async def test_one_that_lapses_and_whose_window_is_open() -> None:
    [ends] = events(await written(contract(auto_renewal=False, renewal_date=NOW)))
    assert ends["SUMMARY"] == "acme: lapses, no auto renewal"


async def test_what_is_scheduled_until_the_end_of_the_term() -> None:
    at, later = datetime(2026, 2, 10, tzinfo=UTC), datetime(2027, 2, 28, tzinfo=UTC)
    changes = [
        {"change_id": "a,b", "kind": "amendment", "effective_at": at},
        {"change_id": "plan_change", "kind": "plan_change", "effective_at": later},
    ]
    _, _, change = events(await written(contract(scheduled_changes=changes)))
    assert (change["UID"], change["DTSTART;VALUE=DATE"]) == ("c-1-2-change-a,b@contracts", "20260210")
    assert change["SUMMARY"] == "acme: amendment (a,b)"


async def test_nothing_is_a_calendar_too() -> None:
    assert events(await written()) == []


async def test_a_hostile_name_stays_a_name() -> None:
    name = "a\\b;c,d:é🙂" * 12
    ics = await written(contract(account_id=name, contract_id="END:VEVENT\r\nBEGIN:VALARM\x07"))
    ends, _ = events(ics)
    assert ends["SUMMARY"] == f"{name}: renews"
    assert ends["UID"] == "END:VEVENT\nBEGIN:VALARM-2-end@contracts"
    assert max(len(line.encode()) for line in ics.split("\r\n")) <= 75


@given(st.text())
def test_folding_loses_nothing_and_breaks_no_character(line: str) -> None:
    parts = [part.encode() for part in folded(line.encode("utf-8", "ignore").decode())]
    assert max(map(len, parts)) <= 75
    assert all(part.startswith(b" ") for part in parts[1:])
    assert parts[0] + b"".join(part[1:] for part in parts[1:]) == line.encode("utf-8", "ignore")


@given(st.text())
def test_escaping_comes_back(value: str) -> None:
    shown = "".join(
        char for char in value.replace("\r\n", "\n").replace("\r", "\n") if char == "\n" or char.isprintable()
    )
    assert unescaped(text(value)) == shown
    assert "\n" not in text(value)


@pytest.mark.parametrize(("safe", "name"), [(False, "=1+1"), (True, "'=1+1")])
async def test_a_table(safe: bool, name: str) -> None:
    one = contract(primary_contact={"name": "=1+1", "email": "a@example.com"}, auto_renewal=False)
    lines = [line async for line in ending_table(each(one), spreadsheet_safe=safe)]
    [row] = csv.DictReader(io.StringIO(b"".join(lines).decode()))
    assert [*row] == ["days_left", "action", "reason", *ENDING]
    assert (row["days_left"], row["action"], row["reason"]) == ("28", "lapses", "no_auto_renewal")
    assert (row["primary_contact.name"], row["primary_contact.email"]) == (name, "a@example.com")
    assert (row["base_monthly_fee"], row["end_date"], row["external_reference"]) == (
        "99.5",
        "2026-02-28T00:00:00Z",
        "",
    )

"""What pages show, made ready for their templates."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from schemas.contract import to_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from consumer.reading.views import ExpiringContract


class Bar(NamedTuple):
    """One bar of a chart; `share` of the longest, 0 to 100."""

    label: str
    value: str
    share: int


class MonthOfEnds(NamedTuple):
    """The contracts whose term ends in a month, and what they bring a month by currency."""

    month: str
    contracts: Sequence[ExpiringContract]
    renewing: int
    lapsing: int
    at_stake: Sequence[tuple[str, Decimal]]


def text_of(value: Any) -> str:
    """A value as people read it; what has parts as JSON."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, list | tuple) and not any(isinstance(each, dict | list) for each in value):
        return ", ".join(map(str, value))
    if isinstance(value, dict | list):
        return orjson.dumps(orjson.loads(to_json(value)), option=orjson.OPT_INDENT_2).decode()
    return str(value)


def moment(value: datetime | str) -> str:
    """Date and time in UTC, to the second."""
    text = value.isoformat() if isinstance(value, datetime) else value
    return f"{text[:10]} {text[11:19]}"


def bars(rows: Iterable[tuple[str, int | Decimal]]) -> list[Bar]:
    """Rows as bars, in their order."""
    found = list(rows)
    most = max((value for _, value in found), default=0) or 1
    return [Bar(label, f"{value:,}", round(100 * value / most)) for label, value in found]


def months_of(contracts: Iterable[ExpiringContract]) -> list[MonthOfEnds]:
    """Contracts by the month in which their term ends, in order."""
    by_month: dict[str, list[ExpiringContract]] = {}
    for each in contracts:
        by_month.setdefault(moment(each.contract["end_date"])[:7], []).append(each)
    return [_month(name, found) for name, found in sorted(by_month.items())]


def _month(name: str, found: Sequence[ExpiringContract]) -> MonthOfEnds:
    lapsing = [each for each in found if each.action == "lapses"]
    at_stake: dict[str, Decimal] = {}
    for each in lapsing:
        fee, currency = each.contract["base_monthly_fee"], each.contract["currency"]
        at_stake[currency] = at_stake.get(currency, Decimal(0)) + fee
    return MonthOfEnds(name, found, len(found) - len(lapsing), len(lapsing), sorted(at_stake.items()))


def differences(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> list[tuple[str, str, str]]:
    """Field, before, after, of the fields that differ at the top level."""
    old, new = before or {}, after or {}
    names = [*old, *(name for name in new if name not in old)]
    return [
        (name, text_of(old.get(name)), text_of(new.get(name)))
        for name in names
        if old.get(name) != new.get(name)
    ]

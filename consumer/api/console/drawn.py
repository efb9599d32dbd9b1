"""Prepares values for the templates of the pages."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from schemas.contract import to_json
from schemas.digits import read_exactly

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from consumer.operator.dead_letters import DeadLetter
    from consumer.reading.views import ExpiringContract
    from consumer.storage.queries import MonthEnding


class Bar(NamedTuple):
    """One bar of a chart. `share`: its length in percent of the longest bar."""

    label: str
    value: str
    share: int


class LetterGroup(NamedTuple):
    """Dead letters with the same reason and source. `producer`: empty if the records name no source.

    `query`: the parameters of the group's page.
    """

    reason: str
    producer: str
    size: int
    first: datetime
    last: datetime
    query: dict[str, Any]


class MonthOfEnds(NamedTuple):
    """The contracts whose term ends in a month, and the fees at stake.

    `at_stake`: plan, currency, and the monthly fees of the contracts that lapse.
    """

    month: str
    contracts: Sequence[ExpiringContract]
    renewing: int
    lapsing: int
    at_stake: Sequence[tuple[str, str, Decimal]]


def text_of(value: Any) -> str:
    """A value as text for people; nested values as JSON."""
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


def shown(content: bytes | None) -> str:
    """Bytes of a record: JSON is indented, other text is shown as it is, anything else as base64."""
    if content is None:
        return "-"
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return f"base64:{b64encode(content).decode()}"
    try:
        document = read_exactly(content)
    except orjson.JSONDecodeError:
        return text
    return pretty(document) if isinstance(document, dict | list) else text


def pretty(document: Any) -> str:
    """Indented JSON. Numbers keep all their digits."""
    exact = orjson.dumps(document, default=lambda n: orjson.Fragment(str(n)), option=orjson.OPT_INDENT_2)
    return exact.decode()


def moment(value: datetime | str) -> str:
    """Date and time in UTC, to the second."""
    text = value.isoformat() if isinstance(value, datetime) else value
    return f"{text[:10]} {text[11:19]}"


def bars(rows: Iterable[tuple[str, int | Decimal]]) -> list[Bar]:
    """A bar for each row, in the same order."""
    found = list(rows)
    most = max((value for _, value in found), default=0) or 1
    return [Bar(label, f"{value:,}", round(100 * value / most)) for label, value in found]


def groups_of(letters: Iterable[DeadLetter], days: int) -> list[LetterGroup]:
    """Groups dead letters by reason and source, largest group first. `days` is a parameter of their pages."""
    found: dict[tuple[str, str], list[DeadLetter]] = {}
    for letter in letters:
        found.setdefault((letter.reason, letter.producer or ""), []).append(letter)
    groups = [
        LetterGroup(
            reason,
            producer,
            len(each),
            each[0].time,
            each[-1].time,
            {"reason": reason, "producer": producer, "days": days},
        )
        for (reason, producer), each in found.items()
    ]
    return sorted(groups, key=lambda group: -group.size)


def in_group(letters: Iterable[DeadLetter], producer: str) -> list[DeadLetter]:
    """The dead letters from a source; an empty `producer` selects those that name no source."""
    return [letter for letter in letters if (letter.producer or "") == producer]


def months_of(totals: Iterable[MonthEnding], contracts: Iterable[ExpiringContract]) -> list[MonthOfEnds]:
    """Months in order, with the totals of all contracts, and those of the contracts that are listed."""
    listed: dict[str, list[ExpiringContract]] = {}
    for each in contracts:
        listed.setdefault(moment(each.contract["end_date"])[:7], []).append(each)
    by_month: dict[str, list[MonthEnding]] = {}
    for row in totals:
        by_month.setdefault(row.month, []).append(row)
    return [_month(name, rows, listed.get(name, [])) for name, rows in sorted(by_month.items())]


def _month(name: str, rows: Sequence[MonthEnding], listed: Sequence[ExpiringContract]) -> MonthOfEnds:
    lapsing = [row for row in rows if row.lapses]
    return MonthOfEnds(
        name,
        listed,
        sum(row.contracts for row in rows if not row.lapses),
        sum(row.contracts for row in lapsing),
        [(row.contract_type, row.currency, row.monthly) for row in lapsing],
    )


def differences(
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    changed_fields: Iterable[Mapping[str, Any]],
) -> list[tuple[str, str, str]]:
    """Field, before, after: of changed fields, or of all fields if a contract is created or deleted."""
    old, new = before or {}, after or {}
    if old.get("contract_id") != new.get("contract_id"):
        return [(name, text_of(old.get(name)), text_of(new.get(name))) for name in new or old]
    return [(each["path"][1:], *_values(each)) for each in changed_fields]


def _values(field: Mapping[str, Any]) -> tuple[str, str]:
    if field.get("withheld"):
        return "withheld", "withheld"
    return text_of(field.get("before")), text_of(field.get("after"))

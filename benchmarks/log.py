"""The command log that every contender works on: made from a seed, the same for all of them."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from schemas.messages import TYPE_PREFIX
from schemas.partitioning import murmur2_home

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE: Final = b"/benchmarks"
PLANS: Final = ("basic", "professional", "enterprise")
TEXT: Final = (
    "renewal terms agreed with the customer after the review of trade volumes in the last quarter and of "
    "the limits on concurrent orders before settlement while support asked for a second contact at the desk "
    "because invoices above twelve thousand need approval by finance until further notice from compliance"
)
TEXT_CHARACTERS: Final = 200_000
BARE_UPDATE_BYTES: Final = 75
"""Bytes of an update without its notes."""


Headers = list[tuple[str, str | bytes | None]]


class Record(NamedTuple):
    """One command as it is sent."""

    key: bytes
    value: bytes
    headers: Headers


class Expected(NamedTuple):
    """What must be stored of an account in the end."""

    fee: float
    commands: int
    """Those that change the contract: reports of usage do not."""


@dataclass(frozen=True)
class Shape:
    """What a log is like.

    `skew` is the exponent of Zipf's law over the accounts, 0 for uniform. `update_bytes` is the size of
    an update's data. The first command of an account is a create, the others are updates, or with `usage`
    reports of it. With `stored`, the accounts exist already and there are only updates.
    """

    commands: int = 100_000
    accounts: int = 20_000
    skew: float = 0.0
    update_bytes: int = 300
    stored: bool = False
    usage: bool = False
    seed: int = 1

    def scaled(self, share: float) -> Shape:
        """A smaller log of the same mix."""
        return replace(
            self, commands=max(1, int(self.commands * share)), accounts=max(1, int(self.accounts * share))
        )


@dataclass
class Log:
    """The records in order, and what must come of them. The last record of each partition is a sentinel."""

    label: str = "log"
    """In every command's id: two logs for the same accounts must not look like duplicates."""
    records: list[Record] = field(default_factory=list)
    expected: dict[str, Expected] = field(default_factory=dict)
    sentinels: list[str] = field(default_factory=list)

    def create(self, account: str, fee: float, plan: str, months: int | None = None) -> None:
        """Append the first command of an account."""
        contact = {"name": "Ann Example", "email": "ann@example.com"}
        data: dict[str, object] = {
            "contract_type": plan,
            "requested_by": "crm",
            "base_monthly_fee": fee,
            "primary_contact": contact,
        }
        if months is not None:
            data["term_months"] = months
        self._append(account, "create", data, fee)

    def update(self, account: str, fee: float, notes: str) -> None:
        """Append an update: each sets another fee, so that none is without effect."""
        changes = {"base_monthly_fee": fee, "notes": notes}
        self._append(account, "update", {"requested_by": "crm", "changes": changes}, fee)

    def report(self, account: str, period: str, value: float) -> None:
        """Append a report of usage; below the thresholds, as most of them are."""
        self._record(account, "report_usage", {"period": period, "metric": "trade_value", "value": value})

    def _append(self, account: str, name: str, data: dict[str, object], fee: float) -> None:
        self._record(account, name, data)
        before = self.expected.get(account)
        self.expected[account] = Expected(fee, before.commands + 1 if before else 1)

    def _record(self, account: str, name: str, data: dict[str, object]) -> None:
        key = account.encode()
        headers: Headers = [
            ("ce_specversion", b"1.0"),
            ("ce_id", f"{self.label}-{len(self.records)}".encode()),
            ("ce_source", SOURCE),
            ("ce_type", f"{TYPE_PREFIX}{name}.v1".encode()),
            ("ce_subject", key),
            ("content-type", b"application/json"),
        ]
        self.records.append(Record(key, orjson.dumps(data), headers))


def make_log(shape: Shape, partitions: int, name: str = "account", label: str = "") -> Log:
    """A log of this shape; its accounts are called `name`-…, so that two logs can share a database."""
    dice = random.Random(shape.seed)
    text = " ".join(dice.choices(TEXT.split(), k=TEXT_CHARACTERS // 6))
    notes_length = max(1, shape.update_bytes - BARE_UPDATE_BYTES)
    log, period = Log(label or name), f"{datetime.now(UTC):%Y-%m}"
    for number, account in enumerate(_accounts(shape, dice)):
        key, fee = f"{name}-{account:07d}", (number % 10_000_000 + 1) / 100
        if shape.usage and key in log.expected:
            log.report(key, period, fee)
        elif shape.stored or key in log.expected:
            start = dice.randrange(len(text) - notes_length)
            log.update(key, fee, text[start : start + notes_length])
        else:
            log.create(key, fee, dice.choice(PLANS))
    for partition in range(partitions):
        sentinel = account_of(partition, partitions, f"{log.label}-end")
        log.create(sentinel, 1.0, PLANS[0])
        log.sentinels.append(sentinel)
    return log


def make_creates(accounts: range, partitions: int, months: Mapping[range, int] | None = None) -> Log:
    """One create for each of the accounts that a log of `stored` ones takes for granted.

    `months`: terms of some accounts; the others get the usual one.
    """
    dice = random.Random(accounts.start)
    log = Log(f"creates-{accounts.start}")
    for account in accounts:
        term = next((term for some, term in (months or {}).items() if account in some), None)
        log.create(f"account-{account:07d}", 0.5, dice.choice(PLANS), term)
    for partition in range(partitions):
        sentinel = account_of(partition, partitions, f"{log.label}-end")
        log.create(sentinel, 1.0, PLANS[0])
        log.sentinels.append(sentinel)
    return log


def account_of(partition: int, partitions: int, prefix: str) -> str:
    """An account whose home is this partition."""
    names = (f"{prefix}-{partition}-{attempt}" for attempt in itertools.count())
    return next(name for name in names if murmur2_home(name.encode(), partitions) == partition)


def _accounts(shape: Shape, dice: random.Random) -> list[int]:
    population = range(shape.accounts)
    if not shape.skew:
        return dice.choices(population, k=shape.commands)
    weights = itertools.accumulate(1 / (rank + 1) ** shape.skew for rank in population)
    return dice.choices(population, cum_weights=list(weights), k=shape.commands)

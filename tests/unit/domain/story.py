"""Given, when, then: an account, what happens to it, and what came of it.

    account = Account("2026-01-31").create(contract_type="basic", term_months=1)
    account.at("2026-02-10").renew()
    assert account.told == ["renewed"]

Data goes through the schema of its command, as on the wire; and each verdict is checked against what
must hold of all of them (tests/unit/domain/invariants.py).
"""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime
from hashlib import sha256

from consumer.domain.decider import decide
from consumer.domain.model import (
    Applied,
    Changed,
    Command,
    Expiring,
    LimitReached,
    Policy,
    Rejected,
    RenewalNotice,
    Verdict,
)
from consumer.engine.command_outputs import event_name
from schemas.commands import COMMANDS
from schemas.contract import to_json
from tests.unit.domain.invariants import check

SOURCE = "crm"


def instant(text: str | datetime) -> datetime:
    if isinstance(text, datetime):
        return text
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def command(
    name: str, data: dict, offset: int, *, account_id: str = "acc-1", source: str = SOURCE
) -> Command:
    decoded = COMMANDS[name].adapter.validate_json(to_json(data))
    identity = sha256(f"{account_id}/{source}/{offset}".encode()).digest()
    return Command(name, account_id, decoded, identity, source, str(offset), offset)


class Account:
    """One account, and the log of its commands so far."""

    def __init__(self, at: str | datetime, policy: Policy | None = None) -> None:
        self.now = instant(at)
        self.policy = policy or Policy()
        self.contract = None
        self.verdict: Verdict | None = None
        self.events: list = []
        self.offset = 0

    def at(self, moment: str | datetime) -> Account:
        self.now = instant(moment)
        return self

    def send(self, name: str, **data) -> Account:
        self.offset += 1
        return self.receive(command(name, data, self.offset))

    def receive(self, sent: Command) -> Account:
        before = self.contract
        as_it_was, as_it_came = deepcopy(before), deepcopy(sent.data)
        self.verdict = decide(before, sent, self.now, self.policy)
        assert (before, sent.data) == (as_it_was, as_it_came), "what goes in stays as it was"
        check(before, self.now, self.verdict)
        self.contract = self.verdict.contract
        self.events += self.verdict.events
        return self

    def create(self, **data) -> Account:
        return self.send("create", **data)

    def update(self, **changes) -> Account:
        return self.send("update", changes=changes)

    def activate(self, **data) -> Account:
        return self.send("activate", **data)

    def change_plan(self, contract_type: str, **data) -> Account:
        return self.send("change_plan", contract_type=contract_type, **data)

    def renew(self, **data) -> Account:
        return self.send("renew", **data)

    def cancel(self, **data) -> Account:
        return self.send("cancel", **data)

    def used(self, value: float, *, metric: str = "monthly_trades", period: str | None = None) -> Account:
        """Usage is reported; of the running month, if no other is named."""
        return self.send("report_usage", period=period or f"{self.now:%Y-%m}", metric=metric, value=value)

    def advance(self) -> Account:
        contract_id = self.contract["contract_id"] if self.contract else "none"
        return self.send("advance", contract_id=contract_id, due_at=self.now)

    def __getitem__(self, field: str):
        assert self.contract is not None, self.verdict
        return self.contract[field]

    @property
    def told(self) -> list[str]:
        """The last verdict's events, in short."""
        return [short(event) for event in self.verdict.events]

    @property
    def story(self) -> list[str]:
        """All events so far, in short."""
        return [short(event) for event in self.events]

    @property
    def applied(self) -> bool:
        return isinstance(self.verdict.outcome, Applied)

    @property
    def refused(self) -> str | None:
        """The code of the rejection."""
        outcome = self.verdict.outcome
        return outcome.code if isinstance(outcome, Rejected) else None

    @property
    def mistakes(self) -> dict[str, str]:
        """What was wrong with the command, by path."""
        assert isinstance(self.verdict.outcome, Rejected), self.verdict
        return {error["path"]: error["message"] for error in self.verdict.outcome.errors}

    @property
    def notices(self) -> list[dict]:
        """The renewal notices of the last verdict."""
        return [event.notice for event in self.verdict.events if isinstance(event, RenewalNotice)]

    @property
    def expiring(self) -> list[dict]:
        """The expiring events of the last verdict."""
        return [event.notice for event in self.verdict.events if isinstance(event, Expiring)]

    @property
    def reached(self) -> list[dict]:
        """What the last verdict tells of limits."""
        return [event.notice for event in self.verdict.events if isinstance(event, LimitReached)]

    @property
    def changes(self) -> list[Changed]:
        return [event for event in self.verdict.events if isinstance(event, Changed)]


def short(event) -> str:
    match event:
        case Changed(change=change):
            return change
        case RenewalNotice(notice):
            return f"notice {notice['window_days']}"
        case Expiring(notice):
            return f"expiring {notice['window_days']}"
        case LimitReached(notice):
            return f"{notice['metric']} {notice['threshold']}"
        case _:
            return event_name(event)


def as_json(value) -> object:
    """A value as consumers see it."""
    return json.loads(to_json(value))

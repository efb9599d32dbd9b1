"""How the golden log was drawn: the load of the fault tests, the pipeline tests' records, and a scanner.

From seeds alone, and a clock that leaps. Kept to show what is in the log; later records were added by
hand, so drawing it anew gives another one.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final
from zlib import crc32

import orjson

from devstack.proof.load import Load
from devstack.proof.model import Model
from devstack.proof.records import LogRecord
from schemas.contract import to_json
from schemas.partitioning import murmur2_home
from schemas.views import visible
from tests.golden.files import Record
from tests.unit.engine.logs import COMMANDS, OTHERS, made

TOPIC: Final = "contracts.commands"
PARTITIONS: Final = 2
RECORDS: Final = 190
SEED: Final = 11
_LEAPS: Final = (
    *(timedelta(0), timedelta(milliseconds=1), timedelta(seconds=5)) * 4,
    *(timedelta(hours=7), timedelta(days=1)) * 3,
    timedelta(days=20),
    timedelta(days=61),
)
_KINDS: Final = tuple(kind for kind in (*COMMANDS, *OTHERS) if "poison" not in kind)

_STORY: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("update", {"changes": {"notes": "too early"}}),
    ("create", {"contract_type": "professional", "status": "draft", "term_months": 1}),
    ("activate", {}),
    ("create", {"contract_type": "basic"}),
    ("update", {"changes": {"notes": "n"}, "contract_id": "another"}),
    ("update", {"changes": {"notes": "n"}, "expected_version": 99}),
    ("update", {"changes": {"version": 2}}),
    ("update", {"changes": {"currency": "EUR"}}),
    ("update", {"changes": {"add_ons": [{"name": "a", "monthly_fee": 1}, {"name": "a", "monthly_fee": 2}]}}),
    ("cancel", {"effective": "end_of_term", "reason": "moved away"}),
    ("withdraw_cancellation", {}),
    ("change_plan", {"contract_type": "enterprise", "effective": "at_renewal"}),
    ("withdraw_plan_change", {}),
    ("change_plan", {"contract_type": "enterprise", "overrides": {"base_monthly_fee": 1234.5678}}),
    ("renew", {"term_months": 3}),
    ("renew", {}),
    ("update", {"changes": {"primary_contact": {"name": "Ada", "email": "ada@example.com"}, "notes": "n"}}),
    ("cancel", {}),
    ("activate", {}),
    ("create", {"contract_type": "custom", "base_monthly_fee": 5, "usage_limits": {}, "term_months": 2}),
    ("cancel", {"effective": "end_of_term"}),
    ("erase", {"requested_by": "dpo"}),
    ("delete", {"reason": "a mistake"}),
    ("erase", {}),
    (
        "create",
        {"contract_type": "basic", "auto_renewal": False, "start_date": "2025-02-28", "notes": "lapses"},
    ),
    ("change_plan", {"contract_type": "professional", "effective": "at_renewal"}),
    ("update", {"changes": {"auto_renewal": True}}),
    ("update", {"changes": {"auto_renewal": False, "renewal_grace_days": 0}}),
)
"""Every command and rejection once, beside what chance brings."""


def _headers(name: str, number: int) -> list[tuple[str, bytes]]:
    headers = {
        "ce_specversion": "1.0",
        "ce_id": f"golden-{number}",
        "ce_source": "/golden",
        "ce_type": f"com.easytrade.contract.{name}.v1",
        "content-type": "application/json",
    }
    return [(header, text.encode()) for header, text in headers.items()]


def with_command(log: list[Record], account: str, name: str, data: Any) -> list[Record]:
    """The log with a command more, a minute after its last record."""
    key = account.encode()
    partition = murmur2_home(key, PARTITIONS)
    offset = sum(record.partition == partition for record in log)
    at = max(record.timestamp for record in log) + 60_000
    headers = tuple(_headers(name, len(log)))
    return [*log, Record(TOPIC, partition, offset, at, key, to_json(data), headers)]


class _World:
    """A log in the making, folded as it grows, so that the scanner and `adopt` find contracts."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.now = datetime(2026, 1, 30, 9, 30, tzinfo=UTC)
        self.load = Load(seed, accounts=7, rubbish=0.1, clock=lambda: self.now)
        self.model = Model(PARTITIONS)
        self.log: list[Record] = []
        self.moved: set[str] = set()

    def add(self, partition: int, key: bytes | None, value: bytes | None, headers: Any, **more: Any) -> None:
        offset = sum(record.partition == partition for record in self.log)
        at = int(self.now.timestamp() * 1000)
        record = Record(TOPIC, partition, offset, at, key, value, tuple(headers), **more)
        self.log.append(record)
        self.model.fold(LogRecord(*record[:6], list(record.headers), record.readable))
        for place, (found, home) in self.model.misplaced.items():
            if place not in self.moved:
                self.moved.add(place)
                mark = ("contracts-forwarded-from", place.encode())
                self.add(home, found.key, found.value, [*found.headers, mark])

    def accounts(self) -> list[str]:
        return [f"account-{SEED}-{number:05d}" for number in range(7)]

    def send(self, account: str, name: str, data: Any) -> None:
        key = account.encode()
        self.add(murmur2_home(key, PARTITIONS), key, to_json(data), _headers(name, len(self.log)))

    def tell(self) -> None:
        for name, data in _STORY:
            self.send("told-1", name, data)
            self.now += timedelta(minutes=1)

    def scan(self) -> None:
        for account, contract in sorted(self.model.stored.contracts.items()):
            due = contract["lifecycle"]["next_action_at"]
            if due is not None and due <= self.now:
                self.send(account, "advance", {"contract_id": contract["contract_id"], "due_at": due})

    def from_load(self) -> None:
        (message,) = self.load.messages(1)
        key = message.key or b""
        partition = murmur2_home(key, PARTITIONS)
        if message.via == "crc32":
            partition = crc32(key) % PARTITIONS
        self.add(partition, message.key, message.value, message.headers, readable=message.via != "unreadable")

    def from_the_pipeline_tests(self) -> None:
        random = self.random
        account = random.choice(self.accounts())
        record = made(random.choice(_KINDS), account, random.randrange(60), 0, 0)
        if hasattr(record, "readable") or not hasattr(record, "value"):
            self.add(0, None, None, (), readable=False)
            return
        key = record.key or b""
        self.add(murmur2_home(key, PARTITIONS), record.key, record.value, record.headers)

    def adopt(self) -> None:
        random = self.random
        known = [*self.model.stored.contracts.values(), *self.model.stored.former.values()]
        if not known:
            return
        data: dict[str, Any] = {**visible(random.choice(known))}
        del data["account_id"]
        data["contract_id"] = f"legacy-{len(self.log)}"
        for name in ("term_start", "renewal_date", "features", "version", "created_at"):
            if random.random() < 0.2:
                data.pop(name, None)
        self.send(f"adopted-{len(self.log)}", "adopt", orjson.loads(to_json(data)))


def drawn() -> list[Record]:
    """The log."""
    world = _World(SEED)
    world.tell()
    steps = (world.from_load, world.from_the_pipeline_tests, world.adopt, world.scan)
    while len(world.log) < RECORDS:
        (step,) = world.random.choices(steps, weights=(60, 25, 6, 9))
        step()
        world.now += world.random.choice(_LEAPS)
    world.add(0, b"account-0", b"{}", (), readable=False)
    world.add(1 - murmur2_home(b"told-1", PARTITIONS), b"told-1", b"{}", [("contracts-forwarded-from", b"x")])
    for _ in range(6):
        world.now += timedelta(days=70)
        world.scan()
    return world.log

"""Input logs: records of one partition, and a strategy for all that may stand in one."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import orjson
from hypothesis import strategies as st

from consumer.kafka.unreadable import Unreadable
from schemas.partitioning import murmur2_home

TOPIC: Final = "contracts.commands"
PARTITIONS: Final = 2
START: Final = 1_790_000_000_000
DAY: Final = 86_400_000
POISON: Final = "the database refuses this"
"""A reference that the store under test refuses. Not personal: an erasure must not heal it in a batch."""


class Record(NamedTuple):
    """A record as the client hands it over."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


def _names(partition: int, count: int) -> list[str]:
    names = (f"account-{number}" for number in range(1000))
    return [name for name in names if murmur2_home(name.encode(), PARTITIONS) == partition][:count]


ACCOUNTS: Final = _names(0, 3)
STRANGER: Final = _names(1, 1)[0]
"""An account whose home is the other partition."""


def record(offset: int, account: str, name: str, data: Any, id: str = "", at: int = 0) -> Record:  # noqa: A002
    """A command in binary mode; `at` is in milliseconds since START."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": id or f"id-{offset}",
        "ce_source": "/crm",
        "ce_type": f"com.easytrade.contract.{name}.v1",
        "content-type": "application/json",
    }
    encoded = tuple((header, text.encode()) for header, text in headers.items())
    return Record(TOPIC, 0, offset, START + at, account.encode(), orjson.dumps(data), encoded)


def create(offset: int, account: str = ACCOUNTS[0], **changes: Any) -> Record:
    return record(offset, account, "create", {"contract_type": "basic"} | changes)


def update(offset: int, account: str = ACCOUNTS[0], id: str = "", **changes: Any) -> Record:  # noqa: A002
    return record(offset, account, "update", {"changes": changes or {"notes": f"note {offset}"}}, id)


def rubbish(offset: int) -> Record:
    return Record(TOPIC, 0, offset, START, ACCOUNTS[0].encode(), b"\xff{", (("x", None),))


def unreadable(offset: int) -> Unreadable:
    return Unreadable(TOPIC, 0, offset, START)


ADOPTED: Final = {
    "contract_id": "old-7",
    "contract_type": "basic",
    "status": "active",
    "start_date": "2026-01-01",
    "end_date": "2126-01-01",
    "base_monthly_fee": 1,
    "usage_limits": {},
}
"""Always with the same id, whichever account it is for."""

COMMANDS: Final[dict[str, tuple[str, Any]]] = {
    "create": ("create", {"contract_type": "basic", "term_months": 3}),
    "create other": ("create", {"contract_type": "enterprise", "auto_renewal": False, "notes": "é😀"}),
    "create draft": ("create", {"contract_type": "professional", "status": "draft"}),
    "create bad": ("create", {"contract_type": "custom"}),
    "create poison": ("create", {"contract_type": "basic", "external_reference": POISON}),
    "set": ("update", {"changes": {"notes": "n", "external_reference": "r", "metadata": {"$a.b": "1"}}}),
    "unset": ("update", {"changes": {"notes": None, "metadata": {"$a.b": None}}}),
    "set in turn": ("update", {"changes": {"external_reference": "s", "billing_contact": {"name": "B"}}}),
    "fee": ("update", {"changes": {"base_monthly_fee": 12.5}}),
    "poison": ("update", {"changes": {"external_reference": POISON}}),
    "nothing": ("update", {"changes": {"currency": "USD"}}),
    "protected": ("update", {"changes": {"version": 9}}),
    "lapse": ("update", {"changes": {"auto_renewal": False}}),
    "plan": ("change_plan", {"contract_type": "enterprise"}),
    "plan later": ("change_plan", {"contract_type": "professional", "effective": "at_renewal"}),
    "newer template": ("change_plan", {"contract_type": "basic", "template_version": 3}),
    "renew": ("renew", {}),
    "cancel": ("cancel", {"reason": "why"}),
    "cancel later": ("cancel", {"effective": "end_of_term"}),
    "withdraw": ("withdraw_cancellation", {}),
    "activate": ("activate", {}),
    "delete": ("delete", {}),
    "erase": ("erase", {}),
    "named": ("update", {"changes": {"primary_contact": {"name": "Ada"}}, "requested_by": "ada"}),
    "adopt": ("adopt", ADOPTED),
    "adopt bad": ("adopt", ADOPTED | {"end_date": "2000-01-01"}),
    "usage": ("report_usage", {"period": "2026-09", "metric": "monthly_trades", "value": 8_500}),
    "more usage": ("report_usage", {"period": "2026-09", "metric": "monthly_trades", "value": 60_000}),
    "later usage": ("report_usage", {"period": "2026-10", "metric": "trade_value", "value": 99_999.5}),
    "terms": ("update", {"changes": {"renewal_terms": {"uplift_percent": 5.5, "term_months": 1}}}),
    "offer": (
        "offer_renewal",
        {"offer_id": "o", "terms": {"uplift_percent": 1}, "valid_until": "2027-06-01"},
    ),
    "offer plan": (
        "offer_renewal",
        {
            "offer_id": "p",
            "terms": {"contract_type": "custom", "overrides": {"sla_terms": None}, "term_months": 2},
            "valid_until": "2100-01-01",
            "requested_by": "ada",
        },
    ),
    "accept": ("accept_offer", {"offer_id": "o"}),
    "accept now": ("accept_offer", {"offer_id": "p", "effective": "immediately"}),
    "decline": ("decline_offer", {"offer_id": "p"}),
    "withdraw offer": ("withdraw_offer", {"offer_id": "o"}),
    "amend": (
        "schedule_change",
        {"change_id": "c", "kind": "amendment", "at": "2027-03-01", "changes": {"base_monthly_fee": 7.5}},
    ),
    "end later": ("schedule_change", {"kind": "cancellation", "from_term": 3, "requested_by": "ada"}),
    "withdraw change": ("withdraw_change", {"change_id": "c"}),
    "advance": ("advance", {"contract_id": "contract_x", "due_at": "2026-01-01"}),
    "invalid": ("update", {"changes": 1}),
    "unknown": ("explode", {}),
}
PLANS: Final[dict[str, tuple[str, Any]]] = {
    "leave": (
        "schedule_change",
        {"change_id": "l", "kind": "plan_change", "at": "2026-11-01", "contract_type": "enterprise"},
    ),
    "return": ("update", {"changes": {"renewal_terms": {"contract_type": "basic"}}}),
    "offer return": (
        "offer_renewal",
        {"offer_id": "o", "terms": {"contract_type": "basic"}, "valid_until": "2026-12-01"},
    ),
    "named fee": (
        "schedule_change",
        {"change_id": "c", "kind": "amendment", "at_renewal": True, "changes": {"base_monthly_fee": 7.5}},
    ),
}
"""Plans that are left, and returned to at the renewal: in the version of then, or in conflict with a fee."""

OTHERS: Final[dict[str, dict[str, Any]]] = {
    "rubbish": {"value": b"\xff{", "headers": (("dlq-x", b"old"), ("n", None))},
    "unreadable": {},
    "misplaced": {"key": STRANGER.encode()},
    "no key": {"key": None},
    "no value": {"value": None},
    "huge": {"value": b"x" * 950_000},
}


def made(kind: str, account: str, number: int, offset: int, at: int) -> Record | Unreadable:
    """One record of a kind; equal numbers make equal ids, and so duplicates."""
    if known := COMMANDS.get(kind) or PLANS.get(kind):
        return record(offset, account, *known, id=f"id-{number}", at=at)
    plain = record(offset, account, "update", {"changes": {"tags": ["t"]}}, f"id-{number}", at)
    if kind == "unreadable":
        return Unreadable(TOPIC, 0, offset, START + at)
    return plain._replace(**OTHERS[kind])


_steps = st.tuples(
    st.sampled_from([*COMMANDS, *COMMANDS, *PLANS, *OTHERS]),
    st.sampled_from(ACCOUNTS),
    st.integers(0, 40),
    st.sampled_from([0, 0, 0, 1, 3]),
    st.sampled_from([0, 1, 1, 1000, DAY, 40 * DAY, 200 * DAY]),
)


def log_of(steps: Any) -> list[Record | Unreadable]:
    """Records with holes between their offsets, where transaction markers lie."""
    log: list[Record | Unreadable] = []
    offset = at = 0
    for kind, account, number, hole, gap in steps:
        offset, at = offset + hole, at + gap
        log.append(made(kind, account, number, offset, at))
        offset += 1
    return log


def logs(max_size: int = 20) -> st.SearchStrategy[list[Any]]:
    """Logs in which each account is created early, so that most commands find a contract."""
    first = st.tuples(
        st.just("create"), st.sampled_from(ACCOUNTS), st.integers(0, 40), st.just(0), st.just(1)
    )
    return st.builds(
        lambda head, tail: log_of([*head, *tail]),
        st.lists(first, max_size=3),
        st.lists(_steps, max_size=max_size),
    )

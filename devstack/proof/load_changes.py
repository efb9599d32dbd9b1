"""What a careless world schedules, and withdraws."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from devstack.proof.message import iso

if TYPE_CHECKING:
    from random import Random

IDS = "abcd"


def schedule(random: Random, now: datetime) -> dict[str, Any]:
    """Some are due while the load still runs, and some before they are scheduled."""
    left = random.choice([timedelta(seconds=2), timedelta(seconds=9), timedelta(days=3), timedelta(0)])
    when: list[dict[str, Any]] = [
        {"at": iso(now + left)},
        {"at": iso(now + left)},
        {"at_renewal": True},
        {"from_term": random.randrange(2, 5)},
    ]
    named = {"change_id": random.choice(IDS)} if random.random() < 0.5 else {}
    return named | _what(random) | random.choice(when)


def _what(random: Random) -> dict[str, Any]:
    fee = {"base_monthly_fee": random.randrange(1, 100_000) / 100}
    kinds: list[dict[str, Any]] = [
        {"kind": "amendment", "changes": fee},
        {"kind": "amendment", "changes": {"usage_limits": {"max_monthly_trades": None}, "term_months": 2}},
        {"kind": "amendment", "changes": {"add_ons": [{"name": "reports", "monthly_fee": 5}]}},
        {"kind": "plan_change", "contract_type": random.choice(["basic", "enterprise"]), "overrides": fee},
        {"kind": "plan_change", "contract_type": "professional"},
        {"kind": "cancellation", "reason": "moved away"},
    ]
    return random.choice(kinds)


def withdraw(random: Random, now: datetime) -> dict[str, Any]:
    return {"change_id": random.choice([*IDS, "plan_change", "cancellation"])}

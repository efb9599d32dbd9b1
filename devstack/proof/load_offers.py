"""What a careless world offers for renewals, and how it answers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from devstack.proof.message import iso

if TYPE_CHECKING:
    from random import Random


def renewal_terms(random: Random) -> dict[str, Any]:
    kinds: list[dict[str, Any]] = [
        {"uplift_percent": random.choice([0.5, 3, 33.3333]), "cap": random.randrange(2_000)},
        {"uplift_percent": 7.25, "term_months": random.randrange(1, 24)},
        {"contract_type": "enterprise", "overrides": {"usage_limits": {"max_monthly_trades": None}}},
        {"base_monthly_fee": random.randrange(1, 100_000) / 100, "from_term": random.choice([2, 3])},
        {"cap": 5},
    ]
    return random.choice(kinds)


def offer(random: Random, now: datetime) -> dict[str, Any]:
    """Mostly for some days; some are over while the load still runs, and some before they are made."""
    left = random.choice([timedelta(days=30), timedelta(days=3), timedelta(seconds=5), timedelta(0)])
    terms = renewal_terms(random)
    return {"offer_id": random.choice("abc"), "terms": terms, "valid_until": iso(now + left)}


def accept(random: Random, now: datetime) -> dict[str, Any]:
    effective = random.choice(["at_renewal", "at_renewal", "immediately"])
    return {"offer_id": random.choice("abc"), "effective": effective}


def answer(random: Random, now: datetime) -> dict[str, Any]:
    return {"offer_id": random.choice("abc")}

"""Monthly recurring revenue of a contract, and its movement in a change.

The movements have ChartMogul's names. An account has one contract at a time: revenue that its contract loses
is churn, and revenue that returns is a reactivation, with the same contract or the next one.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from consumer.domain.statuses import RUNNING
from consumer.domain.terms import monthly_total, same_monthly_total

if TYPE_CHECKING:
    from schemas.contract import Contract
    from schemas.fees import Movement, Recurring

_NOTHING: Final = Decimal(0)


def recurring(contract: Contract | None) -> Decimal:
    """Its monthly revenue: fee and active add-ons, while it runs."""
    if contract is None or contract["status"] not in RUNNING:
        return _NOTHING
    return monthly_total(contract)


def revenue_between(before: Contract | None, after: Contract | None) -> Recurring:
    """How revenue moves from one state of an account's contract to the next; None: there is no contract."""
    was = recurring(before)
    now = was if before and after and _brings_the_same(before, after) else recurring(after)
    return {"before": was, "after": now, "movement": _movement(was, now, before)}


def _brings_the_same(before: Contract, after: Contract) -> bool:
    """Whether the change leaves revenue as it is, as most changes do."""
    return same_monthly_total(before, after) and before["status"] == after["status"]


def with_mark(before: Contract | None, after: Contract) -> Contract:
    """The contract, marked if it brings no revenue now, but it or its predecessor did."""
    if has_paid(after) or not (has_paid(before) or recurring(before)):
        return after
    return after | {"lifecycle": after["lifecycle"] | {"has_paid": True}}


def has_paid(contract: Contract | None) -> bool:
    """Whether the contract brings no revenue, but it or one before it did."""
    if contract is None:
        return False
    ran = contract["status"] == "expired"  # to its end: it needs no mark
    return contract["lifecycle"].get("has_paid", False) or (ran and monthly_total(contract) > 0)


def _movement(was: Decimal, now: Decimal, before: Contract | None) -> Movement:
    if was == now:
        return "none"
    if not was:
        return "reactivation" if has_paid(before) else "new"
    if not now:
        return "churn"
    return "expansion" if now > was else "contraction"

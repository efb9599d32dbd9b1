"""Usage against the limits of a contract: which threshold was crossed. Each is reported once.

A report names the highest threshold newly crossed and those it skipped. After a raised limit or another plan
all thresholds count again, so that the customer is notified when the new limit is near.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.domain.limit_notice import limit_reached
from consumer.domain.model import DEFAULT_THRESHOLDS
from consumer.domain.periods import period_of
from consumer.domain.statuses import RUNNING
from consumer.domain.usage import limit_of, usages, with_usages

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from consumer.domain.lifecycle import Moment
    from consumer.domain.model import LimitReached
    from schemas.contract import Contract
    from schemas.parts import Usage


def thresholds_of(contract: Contract) -> Sequence[int]:
    """Percentages of a limit, in any order."""
    return contract.get("usage_thresholds", DEFAULT_THRESHOLDS)


def measured(
    contract: Contract, at: datetime, moment: Moment, *, period: str
) -> tuple[Contract, list[LimitReached]]:
    """The contract with the thresholds marked that its usage in a period has crossed, and their events.

    `at`: when they were crossed; `moment`: when that was found out.
    """
    events: list[LimitReached] = []
    marked = [*usages(contract)]
    for i, usage in enumerate(marked):
        crossed = _crossed(contract, usage) if usage["period"] == period else []
        if crossed:
            marked[i] = usage | {"reached": crossed[-1]}
            events.append(limit_reached(contract, marked[i], crossed[:-1], at, moment))
    return (with_usages(contract, marked), events) if events else (contract, events)


def measured_again(
    before: Contract, after: Contract, at: datetime, moment: Moment
) -> tuple[Contract, list[LimitReached]]:
    """The contract after a change, with its usage in the running period compared with its new limits."""
    if not usages(after) or _measure(before) == _measure(after):
        return after, []
    kept = [usage if _holds(before, after, usage) else usage | {"reached": None} for usage in usages(after)]
    after = with_usages(after, kept)
    if after["status"] not in RUNNING:
        return after, []
    return measured(after, at, moment, period=period_of(at))


def _crossed(contract: Contract, usage: Usage) -> list[int]:
    """The thresholds that are crossed and not reported yet, in order. Usage equal to one has crossed it."""
    limit = limit_of(contract, usage["metric"])
    if limit is None:
        return []
    reached = usage["reached"] or 0
    hundredfold = usage["value"] * 100
    return sorted(
        {each for each in thresholds_of(contract) if each > reached and hundredfold >= each * limit}
    )


def _measure(contract: Contract) -> tuple[object, ...]:
    return contract["contract_type"], contract["usage_limits"], thresholds_of(contract)


def _holds(before: Contract, after: Contract, usage: Usage) -> bool:
    """Whether earlier reports of a metric still count: the plan is the same, and its limit was not raised."""
    was, limit = limit_of(before, usage["metric"]), limit_of(after, usage["metric"])
    same_plan = before["contract_type"] == after["contract_type"]
    return same_plan and was is not None and limit is not None and limit <= was

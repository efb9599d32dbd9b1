"""Recurring revenue in a period: at its start, the movements, and at its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from consumer.storage.movements import KINDS, Total

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from consumer.storage.movements import Kind, RevenueMovements

    Plan = tuple[str, str]
    """Contract type and currency."""

_NOTHING: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Waterfall:
    """Monthly recurring revenue of a plan in one currency, and its movements in a period.

    Attributes:
        opening, closing: at the start and at the end. `closing` is the sum of `opening` and all amounts.
            amounts: of each movement; negative if revenue fell. `moved`: from other plans, or to them.
            times: how often each movement happened.
        day: `YYYY-MM-DD`; None: all days of the period.
    """

    contract_type: str
    currency: str
    opening: Decimal
    closing: Decimal
    amounts: Mapping[Kind, Decimal] = field(default_factory=dict)
    times: Mapping[Kind, int] = field(default_factory=dict)
    day: str | None = None

    def as_data(self) -> dict[str, Any]:
        """As one flat object: a field for each movement, and `times`."""
        return {
            **({} if self.day is None else {"day": self.day}),
            "contract_type": self.contract_type,
            "currency": self.currency,
            "opening": self.opening,
            **{str(kind): self.amounts.get(kind, _NOTHING) for kind in KINDS},
            "closing": self.closing,
            "times": dict(self.times),
        }


def waterfalls(found: RevenueMovements, start: str, end: str, *, daily: bool) -> list[Waterfall]:
    """The movements of each plan and currency with revenue in the period, from `start` until before `end`.

    Revenue now is read from the contracts; revenue before is computed from the movements since. `daily`:
    one item for each day on which revenue moved.
    """
    closing = dict(found.now)
    days: dict[str, dict[Plan, dict[Kind, Total]]] = {}
    for tallied in found.tallied:
        day, *plan = tallied.bucket
        if day >= end:
            _add(closing, (plan[0], plan[1]), -_sum(tallied.totals))
        else:
            of_plan = days.setdefault(day if daily else start, {}).setdefault((plan[0], plan[1]), {})
            _join(of_plan, tallied.totals)
    if not daily:
        totals = days.get(start, {})
        rows = _of_one_day({**closing, **totals}, totals, closing, None)
        return [row for row in rows if row.opening or row.closing or row.times]
    all_rows: list[Waterfall] = []
    for day in sorted(days, reverse=True):
        rows = _of_one_day(days[day], days[day], closing, day)
        closing |= {(row.contract_type, row.currency): row.opening for row in rows}
        all_rows = rows + all_rows
    return all_rows


def _of_one_day(
    plans: Iterable[Plan],
    totals: Mapping[Plan, Mapping[Kind, Total]],
    closing: Mapping[Plan, Decimal],
    day: str | None,
) -> list[Waterfall]:
    rows = []
    for plan in sorted(plans):
        kinds, after = totals.get(plan, {}), closing.get(plan, _NOTHING)
        amounts = {kind: each.amount for kind, each in kinds.items()}
        times = {kind: each.times for kind, each in kinds.items()}
        rows.append(Waterfall(*plan, after - _sum(kinds), after, amounts, times, day))
    return rows


def _join(so_far: dict[Kind, Total], added: Mapping[Kind, Total]) -> None:
    for kind, total in added.items():
        old = so_far.get(kind, Total(_NOTHING, 0))
        so_far[kind] = Total(old.amount + total.amount, old.times + total.times)


def _add(amounts: dict[Plan, Decimal], plan: Plan, amount: Decimal) -> None:
    amounts[plan] = amounts.get(plan, _NOTHING) + amount


def _sum(totals: Mapping[Kind, Total]) -> Decimal:
    return sum((each.amount for each in totals.values()), _NOTHING)

"""Movements of revenue as a waterfall: revenue at the start, each movement, revenue at the end."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from consumer.reading.movements import Waterfall
    from consumer.storage.movements import Kind

STEPS: Final[tuple[Kind, ...]] = ("new", "reactivation", "expansion", "contraction", "churn")
"""Order of the movements: first gains, then losses, so that no bar starts below 0."""


class Step(NamedTuple):
    """One bar of a waterfall: start and length in percent of the width, and whether revenue falls."""

    label: str
    value: str
    start: int
    share: int
    falls: bool


def waterfalls(rows: Iterable[Waterfall]) -> list[tuple[str, list[Step]]]:
    """The bars for each currency, over all plans: revenue at the start, each movement, revenue at the end."""
    found: dict[str, dict[str, Decimal]] = {}
    for row in rows:
        sums = found.setdefault(row.currency, dict.fromkeys(("opening", *STEPS, "closing"), Decimal(0)))
        sums["opening"] += row.opening
        sums["closing"] += row.closing
        for kind in STEPS:
            sums[kind] += row.amounts.get(kind, 0)
    return [(currency, _steps(sums)) for currency, sums in sorted(found.items())]


def _steps(sums: Mapping[str, Decimal]) -> list[Step]:
    rising = sum((amount for amount in sums.values() if amount > 0), -sums["closing"])
    most = max(rising, sums["closing"]) or 1
    steps, reached = [], Decimal(0)
    for label, amount in sums.items():
        low = min(reached, reached + amount) if label in STEPS else Decimal(0)
        reached = reached + amount if label in STEPS else amount
        start, share = round(100 * low / most), round(100 * abs(amount) / most)
        steps.append(Step(label, f"{amount:,}", start, share, falls=amount < 0))
    return steps

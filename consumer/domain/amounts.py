"""Amounts that are computed, as a JSON number can carry them: 15 digits, and none above the largest money."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal
from typing import Final

FOUR_DECIMALS: Final = Decimal("0.0001")
HUNDREDTHS: Final = Decimal("0.01")
WHOLE: Final = Decimal(1)

_LARGEST: Final = Decimal(10**15)
_DIGITS: Final = 15


def rounded(exact: Decimal, place: Decimal, *, down: bool = False) -> Decimal:
    """`exact` to a decimal place; half to even, or down."""
    rounding = ROUND_DOWN if down else ROUND_HALF_EVEN
    short = Context(prec=_DIGITS, rounding=rounding).plus(min(exact, _LARGEST))
    return short.quantize(place, rounding)

"""Computed amounts, within the limits of money: at most 15 digits, so that a JSON number is exact."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal
from typing import Final

from consumer.domain.currencies import MINOR_UNITS

FOUR_DECIMALS: Final = Decimal("0.0001")
HUNDREDTHS: Final = Decimal("0.01")
WHOLE: Final = Decimal(1)

_LARGEST: Final = Decimal(10**15)
_DIGITS: Final = 15
_HALF_UP: Final = Context(prec=_DIGITS, rounding=ROUND_HALF_UP)


def rounded(exact: Decimal, place: Decimal, *, down: bool = False) -> Decimal:
    """`exact`, rounded to a number of decimal places: half to even, or down."""
    rounding = ROUND_DOWN if down else ROUND_HALF_EVEN
    short = Context(prec=_DIGITS, rounding=rounding).plus(min(exact, _LARGEST))
    return short.quantize(place, rounding)


def payable(exact: Decimal, currency: str, *, down: bool = False) -> Decimal:
    """`exact` in whole minor units of a currency: half up, or down."""
    rounding = ROUND_DOWN if down else ROUND_HALF_UP
    whole = min(exact, _LARGEST).quantize(MINOR_UNITS.get(currency, HUNDREDTHS), rounding)
    return _HALF_UP.plus(whole)


def as_on_wire(amount: Decimal) -> Decimal:
    """The amount without trailing zeros: the same amount is always stored in the same form."""
    short = amount.normalize()
    return short if short.as_tuple().exponent < 0 else short.quantize(WHOLE)  # type: ignore[operator]

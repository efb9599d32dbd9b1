"""Computed amounts, within the limits of money: at most 15 digits, so that a JSON number is exact."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal
from typing import Final

from consumer.domain.currencies import MINOR_UNITS
from schemas.digits import too_many_digits

FOUR_DECIMALS: Final = Decimal("0.0001")
HUNDREDTHS: Final = Decimal("0.01")
WHOLE: Final = Decimal(1)

_LARGEST: Final = Decimal(10**15)
_SHORT: Final = Decimal(10**11)
"""Below it, four decimals are within the digits: then nothing needs to be counted."""

_DIGITS: Final = 15
_HALF_UP: Final = Context(prec=_DIGITS, rounding=ROUND_HALF_UP)


def is_money(amount: Decimal) -> bool:
    """Whether a sum of amounts with four decimals is an amount of money, too."""
    return amount < _SHORT or (amount <= _LARGEST and not too_many_digits(amount))


def rounded(exact: Decimal, quantum: Decimal, *, down: bool = False) -> Decimal:
    """`exact`, rounded to a number of decimal places: half to even, or down."""
    rounding = ROUND_DOWN if down else ROUND_HALF_EVEN
    short = Context(prec=_DIGITS, rounding=rounding).plus(min(exact, _LARGEST))
    return short.quantize(quantum, rounding)


def payable(exact: Decimal, currency: str, *, down: bool = False) -> Decimal:
    """`exact` in whole minor units of a currency: half up, or down."""
    rounding = ROUND_DOWN if down else ROUND_HALF_UP
    whole = min(exact, _LARGEST).quantize(MINOR_UNITS.get(currency, HUNDREDTHS), rounding)
    return _HALF_UP.plus(whole)


def as_on_wire(amount: Decimal) -> Decimal:
    """The amount without trailing zeros: the same amount is always stored in the same form."""
    short = amount.normalize()
    return short if short.as_tuple().exponent < 0 else short.quantize(WHOLE)  # type: ignore[operator]

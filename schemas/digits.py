"""Finds numbers that do not fit into a double. JSON readers would round them, and money must not be rounded.

No available reader reports this, so the text is searched a second time, but only if it may contain a very
long number or one very close to zero. Nearly all texts contain none.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal, DecimalException
from typing import TYPE_CHECKING, Any, Final

import orjson

from schemas.mistakes import pointer
from schemas.types import MAX_SIGNIFICANT_DIGITS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.events import FieldError

TOO_MANY_DIGITS: Final = f"must have at most {MAX_SIGNIFICANT_DIGITS} significant digits"

WHOLE_NUMBERS: Final = range(-(2**63), 2**64)
"""Range of whole numbers for the JSON readers here. They read numbers beyond it as floats."""

_LONG: Final = re.compile(rb"[0-9][0-9.]{%d,}" % MAX_SIGNIFICANT_DIGITS)


_TINY: Final = re.compile(rb"[eE]-[0-9]{3}")
_BELOW_ALL_FLOATS: Final = Decimal("1e-400")


def may_be_rounded(text: bytes) -> bool:
    """Whether a JSON text may contain a number that does not fit into a double, or a string like one."""
    if _LONG.search(text) is not None:
        return True
    return (b"e-" in text or b"E-" in text) and _TINY.search(text) is not None


def parse_exactly(text: bytes) -> Any:
    """Parses a valid JSON text. Numbers that a float would round become Decimals."""
    return json.loads(text.decode(), parse_float=_number, parse_int=_integer)


def read_exactly(text: bytes) -> Any:
    """The same for a text that may be invalid.

    Raises:
        orjson.JSONDecodeError: it is not JSON.
    """
    orjson.loads(text)
    return parse_exactly(text)


def dump_exactly(document: Any) -> bytes:
    """Writes JSON with all digits of Decimals."""
    return orjson.dumps(document, default=lambda number: orjson.Fragment(str(number)))


def lost_digits(text: bytes, data: Any, member: str | None = None) -> tuple[FieldError, ...]:
    """The paths of decimals in validated data that were rounded when they were read.

    `text`: the JSON of the data, or of an object that contains the data.
    """
    if not may_be_rounded(text):
        return ()
    exact = parse_exactly(text)
    return tuple(_lost(exact if member is None else exact[member], data, ""))


def too_many_digits(number: Decimal) -> bool:
    """Whether a JSON reader would read another number than this finite one."""
    return _significant(str(number)) > MAX_SIGNIFICANT_DIGITS or Decimal(repr(float(number))) != number


def _number(text: str) -> float | Decimal:
    number, digits = float(text), _significant(text)
    if digits <= MAX_SIGNIFICANT_DIGITS and (number or not digits):
        return number
    try:
        return Decimal(text)
    except DecimalException:  # the exponent is below all bounds: with a large one it is not JSON
        return _BELOW_ALL_FLOATS


def _integer(text: str) -> int | float:
    """Reads numbers as the other readers here do: those that do not fit into 64 bits are floats."""
    number = int(text)
    return number if number in WHOLE_NUMBERS else float(text)


def _significant(text: str) -> int:
    mantissa = re.split("[eE]", text)[0]
    return len(mantissa.lstrip("-").replace(".", "").strip("0"))


def _lost(exact: Any, data: Any, path: str) -> Iterator[FieldError]:
    if isinstance(exact, dict) and isinstance(data, dict):
        for name in filter(data.__contains__, exact):
            yield from _lost(exact[name], data[name], path + pointer((name,)))
    elif isinstance(exact, list) and isinstance(data, list):
        for i, (inner, read) in enumerate(zip(exact, data, strict=True)):
            yield from _lost(inner, read, f"{path}/{i}")
    elif isinstance(exact, Decimal) and isinstance(data, Decimal):
        yield {"path": path, "message": TOO_MANY_DIGITS}

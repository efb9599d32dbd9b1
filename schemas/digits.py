"""Numbers with more digits than a double holds: JSON readers round them, and money must not be rounded.

No reader at hand tells of it, so the text is looked at once more. Only where a long number may stand in
it: in nearly all texts there is none.
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

_LONG: Final = re.compile(rb"[0-9][0-9.]{%d,}" % MAX_SIGNIFICANT_DIGITS)


def has_long_numbers(text: bytes) -> bool:
    """Whether a JSON text may hold a number with too many digits; in a string such a run may stand, too."""
    return _LONG.search(text) is not None


def parse_exactly(text: bytes) -> Any:
    """A JSON text, known to be sound, with a Decimal instead of a number that a float would round."""
    return json.loads(text.decode(), parse_float=_number, parse_int=_integer)


def read_exactly(text: bytes) -> Any:
    """The same for a text that may be unsound.

    Raises:
        orjson.JSONDecodeError: it is not JSON.
    """
    orjson.loads(text)
    return parse_exactly(text)


def dump_exactly(document: Any) -> bytes:
    """JSON again, with every digit of the Decimals."""
    return orjson.dumps(document, default=lambda number: orjson.Fragment(str(number)))


def lost_digits(text: bytes, data: Any, member: str | None = None) -> tuple[FieldError, ...]:
    """The places of decimals in validated data that were rounded when they were read.

    `text` is the JSON that the data came from: all of it, or that of an object of which they are a member.
    """
    if not has_long_numbers(text):
        return ()
    exact = parse_exactly(text)
    return tuple(_lost(exact if member is None else exact[member], data, ""))


def too_many_digits(number: Decimal) -> bool:
    """Whether a JSON parser would read this finite number as another one."""
    return _significant(str(number)) > MAX_SIGNIFICANT_DIGITS or Decimal(repr(float(number))) != number


def _number(text: str) -> float | Decimal:
    if _significant(text) <= MAX_SIGNIFICANT_DIGITS:
        return float(text)
    try:
        return Decimal(text)
    except DecimalException:  # an exponent beyond all bounds
        return float(text)


def _integer(text: str) -> int | float:
    """As other readers here do: what 64 bits do not hold is a float."""
    number = int(text)
    return number if -(2**63) <= number < 2**64 else float(text)


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

"""Converts Python values to the plain types of the JSON encoder, which does not accept subclasses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from schemas.contract import to_json
from schemas.digits import TOO_MANY_DIGITS, WHOLE_NUMBERS, too_many_digits
from schemas.mistakes import pointer
from schemas.strict_json import MAX_DEPTH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

JsonPath = tuple[str | int, ...]


class NoJson(ValueError):
    """A value cannot be written as JSON: its path, and why."""

    def __init__(self, path: JsonPath, why: str) -> None:
        super().__init__(f"{pointer(path)} {why}")
        self.path = pointer(path)
        self.why = why


def jsonable(value: Any, path: JsonPath = ()) -> Any:
    """The value in plain types.

    Raises:
        NoJson: a value has no form in JSON.
    """
    form = _FORMS.get(type(value))
    if form is None:
        form = next((each for kind, each in _FORMS.items() if isinstance(value, kind)), _other)
    return form(value, path)


def _inside(path: JsonPath) -> None:
    """The path of what is nested too deep; also for an object that contains itself."""
    if len(path) >= MAX_DEPTH:
        raise NoJson(path[:1], f"is nested deeper than {MAX_DEPTH} levels")


def _mapping(value: Mapping[Any, Any], path: JsonPath) -> dict[str, Any]:
    _inside(path)
    return {_text(name, path): jsonable(inner, (*path, name)) for name, inner in value.items()}


def _list(value: Iterable[Any], path: JsonPath) -> list[Any]:
    _inside(path)
    return [jsonable(inner, (*path, number)) for number, inner in enumerate(value)]


def _same(value: Any, _path: JsonPath) -> Any:
    return value


def _whole(number: int, path: JsonPath) -> int:
    """A plain number instead of one of a subclass: for those, `in range(…)` compares with each number."""
    plain = int(number)
    if plain not in WHOLE_NUMBERS:
        raise NoJson(path, "must be a number that fits into 64 bits")
    return plain


def _text(text: Any, path: JsonPath) -> str:
    if not isinstance(text, str):
        raise NoJson(path, "must have names that are text")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise NoJson(path, "must be Unicode text") from None
    return str.__str__(text)  # the encoder does not accept subclasses of str as names


def _number(number: float | Decimal, path: JsonPath) -> float | Decimal:
    """Refuses NaN and infinities. The encoder would write null for them, which removes a field."""
    finite = number.is_finite() if isinstance(number, Decimal) else math.isfinite(number)
    if not finite:
        raise NoJson(path, "must be a finite number")
    if isinstance(number, Decimal) and too_many_digits(number):
        raise NoJson(path, TOO_MANY_DIGITS)  # readers of JSON would round it
    if isinstance(number, Decimal) and number == number.to_integral_value():
        _whole(int(number), path)
    return Decimal(number) if isinstance(number, Decimal) else float(number)


def _moment(value: date, path: JsonPath) -> date:
    """A date or time; also subclasses, as pandas and pendulum have them."""
    try:
        if isinstance(value, datetime):
            return datetime.combine(value.date(), value.time(), value.tzinfo)
        return date(value.year, value.month, value.day)
    except (TypeError, ValueError):  # NaT of pandas is a datetime, but not a time
        raise NoJson(path, "must be a date") from None


def _other(value: Any, path: JsonPath) -> Any:
    """Enumerations, UUIDs and other types that the encoder knows."""
    if isinstance(value, Enum):
        return jsonable(value.value, path)
    if is_dataclass(value) and not isinstance(value, type):
        return _mapping({each.name: getattr(value, each.name) for each in fields(value)}, path)
    try:
        to_json(value)
    except TypeError:
        raise NoJson(path, f"must be a type that JSON has, not {type(value).__name__}") from None
    return value


_FORMS: Final[Mapping[type, Callable[[Any, JsonPath], Any]]] = {
    str: _text,
    bool: _same,
    int: _whole,
    type(None): _same,
    dict: _mapping,
    list: _list,
    float: _number,
    Decimal: _number,
    date: _moment,
    datetime: _moment,
    tuple: _list,
    Mapping: _mapping,
}
"""The conversion for a type; for other types, that of the first one of which it is a subclass."""

"""Values of Python programs as the JSON encoder takes them: plain ones, as it knows no subclasses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from schemas.contract import to_json
from schemas.digits import TOO_MANY_DIGITS, too_many_digits
from schemas.mistakes import pointer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Place = tuple[str | int, ...]


class NoJson(ValueError):
    """A value has no JSON: where it stands, and why."""

    def __init__(self, place: Place, why: str) -> None:
        super().__init__(f"{pointer(place)} {why}")
        self.path = pointer(place)
        self.why = why


def jsonable(value: Any, place: Place = ()) -> Any:
    """The same in plain types.

    Raises:
        NoJson: a value is of no kind that JSON has.
    """
    form = _FORMS.get(type(value))
    if form is None:
        form = next((each for kind, each in _FORMS.items() if isinstance(value, kind)), _other)
    return form(value, place)


def _mapping(value: Mapping[Any, Any], place: Place) -> dict[str, Any]:
    return {_text(name, place): jsonable(inner, (*place, name)) for name, inner in value.items()}


def _list(value: Iterable[Any], place: Place) -> list[Any]:
    return [jsonable(inner, (*place, number)) for number, inner in enumerate(value)]


def _same(value: Any, _place: Place) -> Any:
    return value


def _text(text: Any, place: Place) -> str:
    if not isinstance(text, str):
        raise NoJson(place, "must have names that are text")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise NoJson(place, "must be Unicode text") from None
    return text


def _number(number: float | Decimal, place: Place) -> float | Decimal:
    """JSON has neither NaN nor infinities, and the encoder would write null: that removes a field."""
    finite = number.is_finite() if isinstance(number, Decimal) else math.isfinite(number)
    if not finite:
        raise NoJson(place, "must be a finite number")
    if isinstance(number, Decimal) and too_many_digits(number):
        raise NoJson(place, TOO_MANY_DIGITS)  # every reader of JSON would round it
    return Decimal(number) if isinstance(number, Decimal) else float(number)


def _moment(value: date, place: Place) -> date:
    """Of pandas, pendulum and others, too."""
    try:
        if isinstance(value, datetime):
            return datetime.combine(value.date(), value.time(), value.tzinfo)
        return date(value.year, value.month, value.day)
    except (TypeError, ValueError):  # pandas has a moment that is none
        raise NoJson(place, "must be a date") from None


def _other(value: Any, place: Place) -> Any:
    """Enumerations, UUIDs and whatever else the encoder knows."""
    if isinstance(value, Enum):
        return jsonable(value.value, place)
    if is_dataclass(value) and not isinstance(value, type):
        return _mapping({each.name: getattr(value, each.name) for each in fields(value)}, place)
    try:
        to_json(value)
    except TypeError:
        raise NoJson(place, f"must be of a kind that JSON has, not {type(value).__name__}") from None
    return value


_FORMS: Final[Mapping[type, Callable[[Any, Place], Any]]] = {
    str: _text,
    bool: _same,
    int: _same,
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
"""By type; of another one, the first that it is a subclass of."""

"""Checks arguments of the Python API by their names, so that only text reaches a query.

`checked` wraps the public methods of a class. Arguments with the same name have the same kind in the whole
API: the table below lists them. A method checks its other arguments itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, TypeVar

from consumer.errors import InputRefused

if TYPE_CHECKING:
    from collections.abc import Callable

Class = TypeVar("Class", bound=type)

_TEXT: Final = (str, "text")
_COUNT: Final = (int, "a whole number")
_FLAG: Final = (bool, "true or false")
_TIME: Final = (datetime, "a datetime with an offset")
_OBJECT: Final = (Mapping, "a dict")

ARGUMENTS: Final[Mapping[str, tuple[type, str]]] = {
    **dict.fromkeys(("account_id", "contract_id", "external_reference", "after", "status"), _TEXT),
    **dict.fromkeys(("contract_type", "name", "source", "command_id", "correlation_id"), _TEXT),
    **dict.fromkeys(("limit", "chunk", "within_days", "days_ahead", "version", "months", "days"), _COUNT),
    **dict.fromkeys(("moment", "start", "end", "at", "until"), _TIME),
    **dict.fromkeys(("data", "changes", "contract"), _OBJECT),
    **dict.fromkeys(("newest_first", "daily"), _FLAG),
    "by": (timedelta, "a timedelta"),
}


def checked(kind: Class) -> Class:
    """Checks the arguments of a class's public methods when they are called.

    Raises:
        InputRefused: from each of the methods; the value is not quoted.
    """
    for name, method in list(vars(kind).items()):
        if inspect.isfunction(method) and not name.startswith("_"):
            setattr(kind, name, _checked_method(method))
    return kind


def check(**given: object) -> None:
    """The same for single arguments, by their names."""
    for name, value in given.items():
        _check(name, value)


def _checked_method(method: Callable[..., Any]) -> Callable[..., Any]:
    parameters = inspect.signature(method).parameters
    known = {name: each.default for name, each in parameters.items() if name in ARGUMENTS}
    positions = [*parameters]

    def look(arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        given = {**dict(zip(positions, arguments, strict=False)), **named}
        for name, default in known.items():
            if name in given and not (given[name] is None and default is None):
                _check(name, given[name])

    if inspect.iscoroutinefunction(method):

        @wraps(method)
        async def awaited(*arguments: Any, **named: Any) -> Any:
            look(arguments, named)
            return await method(*arguments, **named)

        return awaited

    @wraps(method)
    def called(*arguments: Any, **named: Any) -> Any:
        look(arguments, named)
        return method(*arguments, **named)

    return called


def _check(name: str, value: object) -> None:
    kind, words = ARGUMENTS[name]
    sound = isinstance(value, kind) and not (kind is int and isinstance(value, bool))
    if isinstance(value, datetime):
        sound = sound and value.tzinfo is not None
    if isinstance(value, str) and sound and not _is_unicode(value):
        raise InputRefused(f"{name} must be Unicode text", errors=[(f"/{name}", "must be Unicode text")])
    if not sound:
        found = "one without" if isinstance(value, datetime) else type(value).__name__
        raise InputRefused(f"{name} must be {words}, not {found}", errors=[(f"/{name}", f"must be {words}")])


def _is_unicode(text: str) -> bool:
    """Whether it can be sent to a database: half of a pair of surrogates cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

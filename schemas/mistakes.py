"""Describes every mistake in a command's data, for the team that sent it.

Values are never quoted: they may be personal data.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from schemas.commands import COMMANDS_BY_TYPE
from schemas.places import fields_at
from schemas.types import INSTANT_PATTERN

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from schemas.events import FieldError
    from schemas.messages import MessageSpec

MAX_LISTED: Final = 20
_MAX_SEGMENT: Final = 128

_INSTANT = "must be a date (2026-01-31) or a date-time with an offset (2026-01-31T12:00:00Z)"

_WORDS: Final[dict[str, str]] = {
    "missing": "is required",
    "string_type": "must be text",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "string_unicode": "must be text",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "greater_than": "must be more than {gt}",
    "less_than": "must be less than {lt}",
    "literal_error": "must be {expected}",
    # pydantic's own text quotes parts of the address.
    "email": "is not an e-mail address with a domain that mail can reach from anywhere: with a full stop in "
    "it, and not under .arpa, .invalid, .local, .localhost, .onion or .test",
}

_KINDS: Final[dict[type, str]] = {
    type(None): "null",
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
}


def mistakes(spec: MessageSpec, error: ValidationError) -> tuple[FieldError, ...]:
    """The mistakes in the data of a command or a file: at most MAX_LISTED, and the number of further ones."""
    found = error.errors(include_url=False)
    listed: list[FieldError] = [
        {"path": pointer(_place(detail)), "message": _message(spec, detail)} for detail in found[:MAX_LISTED]
    ]
    if len(found) > MAX_LISTED:
        listed.append({"path": "", "message": f"and {len(found) - MAX_LISTED} more mistakes"})
    return tuple(listed)


def pointer(place: tuple[str | int, ...]) -> str:
    """JSON Pointer (RFC 6901) of a place. Very long names are cut: they cannot be known fields."""
    return "".join("/" + str(step)[:_MAX_SEGMENT].replace("~", "~0").replace("/", "~1") for step in place)


def _place(detail: ErrorDetails) -> tuple[str | int, ...]:
    """Pydantic adds a step to the path if the mistake is in a key and not in its value."""
    place = detail["loc"]
    return place[:-1] if place and place[-1] == "[key]" else place


def _message(spec: MessageSpec, detail: ErrorDetails) -> str:
    kind = detail["type"]
    if kind == "extra_forbidden":
        return _unknown_field(spec, detail["loc"])
    context = detail.get("ctx", {})
    if kind in {"value_error", "assertion_error"}:  # pydantic would put its own label before the text
        return str(context["error"])
    words = _WORDS.get(kind, detail["msg"])
    if kind == "string_pattern_mismatch" and context["pattern"] == INSTANT_PATTERN:
        words = _INSTANT
    elif kind.endswith("_type") and not isinstance(detail["input"], float):
        words += f", not {_KINDS.get(type(detail['input']), 'something else')}"
    return words.format_map(context)


def _unknown_field(spec: MessageSpec, place: tuple[str | int, ...]) -> str:
    known = fields_at(spec.type, tuple("" if isinstance(step, int) else step for step in place[:-1]))
    close = get_close_matches(str(place[-1])[:_MAX_SEGMENT], known, n=1)
    return f"unknown field; did you mean `{close[0]}`?" if close else "unknown field"


def unknown_type(type_: str) -> str:
    """The message for a CloudEvents type that is not a command."""
    close = get_close_matches(type_, COMMANDS_BY_TYPE, n=1, cutoff=0.8)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"no such command type{hint} Known: {', '.join(COMMANDS_BY_TYPE)}"

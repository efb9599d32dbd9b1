"""The first draft of the command that replaces a dead letter, from what the record contains."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import orjson

from consumer.api.console.drawn import pretty
from consumer.api.console.roles import ROLES
from schemas.commands import COMMANDS_BY_TYPE
from schemas.digits import read_exactly

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consumer.operator.dead_letters import DeadLetter


class Draft(NamedTuple):
    """The content of the form. `dropped`: the record's `requested_by` was removed; the caller replaces it."""

    command: str
    account_id: str
    data: str
    dropped: bool = False


def draft_of(letter: DeadLetter, value: bytes | None) -> Draft:
    """The command that the record was meant to be. Parts that cannot be read from it are empty."""
    text, type_ = _text(value), letter.header("ce_type")
    try:
        data = read_exactly(text.encode())
    except orjson.JSONDecodeError:
        return Draft(_name(type_), _text(letter.key), text)
    if isinstance(data, dict) and "specversion" in data:  # a whole CloudEvent in JSON
        type_, data = data.get("type"), data.get("data", {})
    dropped = isinstance(data, dict) and data.pop("requested_by", None) is not None
    return Draft(_name(type_), _text(letter.key), pretty(data), dropped)


def filled_draft(form: Mapping[str, str]) -> Draft:
    """The content of a submitted form."""
    return Draft(form.get("command", ""), form.get("account_id", ""), form.get("data", ""))


def _name(type_: object) -> str:
    spec = COMMANDS_BY_TYPE.get(type_) if isinstance(type_, str) else None
    return spec.name if spec is not None and spec.name in ROLES else ""


def _text(content: bytes | None) -> str:
    try:
        return (content or b"").decode()
    except UnicodeDecodeError:
        return ""

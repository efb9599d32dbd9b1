"""Incompatible changes that were decided on: each with its reason, and the version that first publishes it.

`contracts schemas check` shows them, and does not count them as breaking. An entry names the exact change, so
that the next change of the same field is refused again.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from schemas.compatibility import Change


class Accepted(NamedTuple):
    """One decision.

    Args:
        messages: labels of messages, or operations of the HTTP API; `*` stands for any text.
        path: as of the change; `*` stands for any text.
        text: exactly the text of the change.
        since: first version that publishes it.
        reason: why it needs no new version of a type, and where that was decided.
    """

    messages: tuple[str, ...]
    path: str
    text: str
    since: str
    reason: str


ACCEPTED: Final = (
    Accepted(
        ("changed.v1", "state.v1", "contract.v1", "GET /v1/*"),
        "*/scheduled_changes",
        "maxItems 2 is now 20",
        "1.0.0",
        "no release had promised 2, and a contract has more only after somebody sent what is new: decision 8",
    ),
)


def accepted(change: Change, decisions: Iterable[Accepted] = ACCEPTED) -> Accepted | None:
    """The decision on a breaking change; None: there is none."""
    return next((each for each in decisions if change.breaking and _is_on(each, change)), None)


def _is_on(decision: Accepted, change: Change) -> bool:
    named = any(fnmatchcase(change.label, label) for label in decision.messages)
    return named and fnmatchcase(change.path, decision.path) and change.text == decision.text

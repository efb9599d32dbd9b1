"""The commands that the console offers to a caller: those that the API would accept from the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.api.auth import ACCESS, COMMAND_PATH, PUBLISHED

if TYPE_CHECKING:
    from consumer.api.tokens import Caller, Role

ROLES: Final[dict[str, Role]] = {name: ACCESS[f"POST {COMMAND_PATH}{name}"] for name in PUBLISHED}
"""The minimum role for each command."""


def offered(caller: Caller) -> list[str]:
    """The commands that this caller may send."""
    return [name for name, role in ROLES.items() if caller.may(role)]

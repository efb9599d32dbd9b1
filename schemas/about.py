"""What each field of a contract declares besides its type. All tables of fields are computed from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Callable

Mutability = Literal["always", "while_running", "in_draft"]
"""When an update may set a field. Each group includes those before it: in a draft, all fields can be set."""

MUTABILITIES: Final[tuple[Mutability, ...]] = get_args(Mutability)

Erasure = Literal["no", "removed", "emptied", "unnamed", "in_part"]
"""What an erasure does with a field. `no`: nothing, it is not personal; `in_part`: removes personal parts."""


@dataclass(frozen=True, slots=True)
class About:
    """One field of a contract.

    Args:
        meaning: a short description, for the published schemas and the reference.
        mutable: when an update may set it.
        personal: whether it may contain personal data, and what an erasure then does with it.
        empty: makes the value that null sets, for a field that every contract has; None: null is refused.
        column_before: its table columns come before those of this field; None: in the order of the fields.
    """

    meaning: str
    mutable: Mutability | Literal["never"]
    personal: Erasure
    empty: Callable[[], Any] | None = None
    column_before: str | None = None

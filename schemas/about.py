"""What is declared of a contract's field, beside its type: all tables over fields are computed from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Callable

Mutability = Literal["always", "while_running", "in_draft"]
"""What an update may change. Each holds what those before it do: in a draft, all can be changed."""

MUTABILITIES: Final[tuple[Mutability, ...]] = get_args(Mutability)

Erasure = Literal["no", "removed", "emptied", "unnamed", "in_part"]
"""What an erasure leaves of a field. `no`: all, it is not personal; `in_part`: what is not personal."""


@dataclass(frozen=True, slots=True)
class About:
    """One field of a contract.

    Args:
        meaning: one sentence, for the published schemas and the reference.
        mutable: when an update may set it.
        personal: whether it may hold personal data, and what is then left of it after an erasure.
        empty: makes what null leaves of a field that every contract has; None: null is refused there.
        column_before: in a table, its columns stand before this field's; None: in the order of the fields.
    """

    meaning: str
    mutable: Mutability | Literal["never"]
    personal: Erasure
    empty: Callable[[], Any] | None = None
    column_before: str | None = None

"""How large a contract is as JSON, without encoding all of it at each change.

Each contract keeps an upper bound: a command can make it longer by no more than its own data. Only
when the bound comes near the limit is the contract encoded, and the bound exact again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.domain.mistakes import mistake, rejected
from schemas.contract import MAX_CONTRACT_BYTES, to_json, visible

if TYPE_CHECKING:
    from consumer.domain.model import Rejected
    from schemas.contract import Contract

SLACK: Final = 4 * 1024
"""More than all that the service writes by itself can take: dates, authors, a plan's template."""


def bounded_size(contract: Contract, bound: int) -> int:
    """The bound, or near the limit the true size. 0: not known yet."""
    if 0 < bound <= MAX_CONTRACT_BYTES - SLACK:
        return bound
    return len(to_json(visible(contract)))


def too_large(contract: Contract) -> Rejected | None:
    """The refusal of a contract beyond the limit."""
    size = contract["lifecycle"]["size"]
    if size <= MAX_CONTRACT_BYTES:
        return None
    message = f"the contract would have {size:,} bytes as JSON, and may have {MAX_CONTRACT_BYTES:,}"
    return rejected("invalid_terms", [mistake(message)])

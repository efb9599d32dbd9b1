"""How large a contract is as JSON, without encoding all of it at each change.

Each contract keeps an upper bound of its size: a command can add at most the size of its own data. Only if
the bound is near the limit is the contract encoded, and the bound set to the exact size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.domain.mistakes import mistake, rejected
from schemas.contract import MAX_CONTRACT_BYTES, to_json
from schemas.views import visible

if TYPE_CHECKING:
    from consumer.domain.model import Rejected
    from schemas.contract import Contract

SLACK: Final = 4 * 1024
"""More than everything that the service adds by itself: dates, authors, the template of a plan."""


def bounded_size(contract: Contract, bound: int) -> int:
    """The upper bound, or the exact size if that is near the limit. 0: not known yet."""
    if 0 < bound <= MAX_CONTRACT_BYTES - SLACK:
        return bound
    return len(to_json(visible(contract)))


def too_large(contract: Contract) -> Rejected | None:
    """The rejection of a contract that is too large."""
    size = contract["lifecycle"]["size"]
    if size <= MAX_CONTRACT_BYTES:
        return None
    message = f"the contract would have {size:,} bytes as JSON, and may have {MAX_CONTRACT_BYTES:,}"
    return rejected("invalid_terms", [mistake(message)])

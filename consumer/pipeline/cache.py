"""Contracts an owner wrote or read: nobody else writes them while its position holds."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from schemas.contract import Contract


class ContractCache:
    """The contracts touched last, up to `capacity` of them.

    Only committed state may enter, and a resume must clear it: from then on the fence of the position
    guarantees that the database holds the same.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._contracts: dict[str, Contract | None] = {}

    def known(self, accounts: Iterable[str]) -> dict[str, Contract | None]:
        """What is known of these accounts; None: that there is no contract."""
        contracts = self._contracts
        return {account: contracts[account] for account in accounts if account in contracts}

    def update(self, contracts: Mapping[str, Contract | None]) -> None:
        """Remembers these as the ones touched last, and forgets the oldest beyond the capacity."""
        known = self._contracts
        for account, contract in contracts.items():
            known.pop(account, None)
            known[account] = contract
        excess = len(known) - self._capacity
        for account in [*islice(known, max(0, excess))]:
            del known[account]

    def clear(self) -> None:
        """Forgets everything."""
        self._contracts.clear()

"""Contracts that an owner read or wrote: while its position is valid, no other worker writes them."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from schemas.contract import Contract

OVERHEAD: Final = 3 * 1024
"""Bytes that a contract takes in memory in addition to its texts: measured on stored contracts."""


class CacheBudget:
    """The memory for all caches of a process, regardless of how many partitions it owns."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._caches: WeakSet[ContractCache] = WeakSet()

    def take_part(self, cache: ContractCache) -> None:
        """Includes `cache`, as long as it exists."""
        self._caches.add(cache)

    def keep(self) -> None:
        """Removes entries of the largest cache until all caches fit."""
        while (excess := sum(cache.size for cache in self._caches) - self._limit) > 0:
            max(self._caches, key=lambda cache: cache.size).forget(excess)


class ContractCache:
    """The contracts used last, as many as fit into the budget.

    Only committed contracts may be added, and a takeover must clear it. Then the check of the position
    guarantees that the database has the same contracts.
    """

    def __init__(self, budget: CacheBudget) -> None:
        self.size = 0
        """Approximate number of bytes in memory."""
        self._contracts: dict[str, Contract | None] = {}
        self._budget = budget
        budget.take_part(self)

    def known(self, accounts: Iterable[str]) -> dict[str, Contract | None]:
        """The cached contracts of these accounts; None: the account has no contract."""
        contracts = self._contracts
        return {account: contracts[account] for account in accounts if account in contracts}

    def update(self, contracts: Mapping[str, Contract | None]) -> None:
        """Adds these as the ones used last, and removes the oldest ones that do not fit."""
        known = self._contracts
        for account, contract in contracts.items():
            if account in known:
                self.size -= _size(known.pop(account))
            known[account] = contract
            self.size += _size(contract)
        self._budget.keep()

    def forget(self, size: int) -> None:
        """Removes the oldest entries, of this many bytes."""
        enough = self.size - size
        for account in [*islice(self._contracts, size // OVERHEAD + 1)]:
            if self.size <= enough:
                break
            self.size -= _size(self._contracts.pop(account))

    def clear(self) -> None:
        """Removes all entries."""
        self._contracts.clear()
        self.size = 0


def _size(contract: Contract | None) -> int:
    return OVERHEAD if contract is None else OVERHEAD + contract["lifecycle"]["size"]

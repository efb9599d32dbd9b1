"""Contracts an owner wrote or read: nobody else writes them while its position holds."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from schemas.contract import Contract

OVERHEAD: Final = 3 * 1024
"""Bytes that a contract takes in memory beside its texts: measured on contracts read from the database."""


class CacheBudget:
    """The memory for all caches of a process, however many partitions it comes to own."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._caches: WeakSet[ContractCache] = WeakSet()

    def take_part(self, cache: ContractCache) -> None:
        """Counts `cache`, too, for as long as it lives."""
        self._caches.add(cache)

    def keep(self) -> None:
        """The fullest cache forgets until all fit."""
        while (excess := sum(cache.size for cache in self._caches) - self._limit) > 0:
            max(self._caches, key=lambda cache: cache.size).forget(excess)


class ContractCache:
    """The contracts touched last, as many as the budget has room for.

    Only committed state may enter, and a resume must clear it: from then on the fence of the position
    guarantees that the database holds the same.
    """

    def __init__(self, budget: CacheBudget) -> None:
        self.size = 0
        """Bytes of memory, about."""
        self._contracts: dict[str, Contract | None] = {}
        self._budget = budget
        budget.take_part(self)

    def known(self, accounts: Iterable[str]) -> dict[str, Contract | None]:
        """What is known of these accounts; None: that there is no contract."""
        contracts = self._contracts
        return {account: contracts[account] for account in accounts if account in contracts}

    def update(self, contracts: Mapping[str, Contract | None]) -> None:
        """Remembers these as the ones touched last, and forgets the oldest of what is too much."""
        known = self._contracts
        for account, contract in contracts.items():
            if account in known:
                self.size -= _size(known.pop(account))
            known[account] = contract
            self.size += _size(contract)
        self._budget.keep()

    def forget(self, size: int) -> None:
        """Forgets the oldest, of so many bytes."""
        enough = self.size - size
        for account in [*islice(self._contracts, size // OVERHEAD + 1)]:
            if self.size <= enough:
                break
            self.size -= _size(self._contracts.pop(account))

    def clear(self) -> None:
        """Forgets everything."""
        self._contracts.clear()
        self.size = 0


def _size(contract: Contract | None) -> int:
    return OVERHEAD if contract is None else OVERHEAD + contract["lifecycle"]["size"]

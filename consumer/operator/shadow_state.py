"""Compares two databases that have applied the same commands, document by document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from consumer.operator.differences import MISSING, difference
from consumer.storage.compared_entries import compared_entries

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from consumer.operator.differences import Found

HISTORY: Final = "history"
COLLECTIONS: Final = ("contracts", "former_contracts", HISTORY)


class StateComparison:
    """Compares the service's database with the shadow.

    Args:
        made, would: the databases, as PyMongo's asyncio client or motor opens them.
        reached: the sequence number up to which the shadow has applied each partition.
        home: the partition of an account.
    """

    def __init__(
        self, made: Any, would: Any, reached: Mapping[int, int], home: Callable[[bytes], int]
    ) -> None:
        self._made = made
        self._would = would
        self._reached = reached
        self._home = home
        self.compared = 0

    async def run(self, found: Found) -> None:
        """Puts all differences from commands up to `reached` into `found`."""
        for name in COLLECTIONS:
            async for made, would in _joined(self._made[name], self._would[name]):
                one = made or would
                # A pruned entry has no account any more.
                account = one.get("account_id") or (would or {}).get("account_id")
                partition = one.get("partition", self._home((account or "").encode()))
                sequence = int(one["offset"] if name == HISTORY else one["lifecycle"]["offset"])
                if sequence >= self._reached[partition]:
                    continue
                self.compared += 1
                pair = compared_entries(made, would) if name == HISTORY else (made, would)
                pair = (pair[0] or MISSING, pair[1] or MISSING)
                differs = difference(name, str(one["_id"]), partition, sequence, pair)
                if differs is None:
                    continue
                if account is None or not await self.changed_since(account, partition):
                    found.add(differs)

    async def changed_since(self, account: str, partition: int) -> bool:
        """Whether a later command, which the shadow has not applied, was for this account."""
        later = {"account_id": account, "partition": partition, "offset": {"$gte": self._reached[partition]}}
        return await self._made.history.find_one(later) is not None


async def _joined(made: Any, would: Any) -> AsyncIterator[tuple[Any, Any]]:
    """The documents of two collections by their id; None: there is none with this id."""
    ones, others = made.find({}).sort("_id"), would.find({}).sort("_id")
    one, other = await anext(ones, None), await anext(others, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one["_id"] < other["_id"]):
            yield one, None
            one = await anext(ones, None)
        elif one is None or other["_id"] < one["_id"]:
            yield None, other
            other = await anext(others, None)
        else:
            yield one, other
            one, other = await anext(ones, None), await anext(others, None)

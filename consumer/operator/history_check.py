"""Checks the chains of the history of all partitions, or of some."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from consumer.errors import InputRefused, WrongUsage
from consumer.operator.history_walk import Finding, Walk
from consumer.storage.chain import Head, heads_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from consumer.storage.chain_pages import ChainPages
    from consumer.storage.protocols import Position

_HEAD: Final = re.compile(r"(\d+):(\d+):([0-9a-f]{64})")
_REMEMBERED: Final = 10_000
"""Number of erased accounts for which the history is not asked twice."""


def head_of(text: str) -> Head:
    """A head as it was printed.

    Raises:
        WrongUsage: it is not one.
    """
    match = _HEAD.fullmatch(text.strip())
    if match is None:
        raise WrongUsage(f"not a head: {text}", hint="`contracts history heads` prints heads")
    return Head(int(match[1]), int(match[2]), bytes.fromhex(match[3]))


@dataclass(frozen=True, slots=True)
class Checked:
    """One partition. `unproven` entries were stored before the chain began; `head` is None before that.

    `partition` None: of entries that belong to no partition.
    """

    partition: int | None
    entries: int = 0
    erased: int = 0
    pruned: int = 0
    unproven: int = 0
    finding: str | None = None
    offset: int | None = None
    head: Head | None = None


class HistoryCheck:
    """One run of `contracts history verify`."""

    def __init__(
        self,
        pages: ChainPages,
        positions: Mapping[int, Position],
        partitions: Collection[int] | None,
        heads: Sequence[Head],
    ) -> None:
        self._pages = pages
        self._positions = positions
        self._all = partitions is None
        self._chosen = sorted(positions if partitions is None else set(partitions))
        self._heads = heads
        self._erased: dict[str, bool] = {}

    @classmethod
    async def begin(
        cls, pages: ChainPages, partitions: Collection[int] | None, heads: Sequence[Head]
    ) -> Self:
        """Reads the positions, up to which the history is checked.

        Raises:
            InputRefused: one of these partitions has no position.
        """
        positions = await pages.positions()
        named = {*(partitions or ()), *(head.partition for head in heads)}
        if unknown := sorted(named - positions.keys()):
            raise InputRefused(f"partition {unknown[0]} has no position in this database")
        return cls(pages, positions, partitions, heads)

    @property
    def total(self) -> int:
        """How many entries will be read."""
        chains = (self._positions[number].chain for number in self._chosen)
        return sum(chain.number for chain in chains if chain is not None)

    async def run(self, report: Callable[[int], object]) -> list[Checked]:
        """Checks the partitions one after the other. `report` gets the number of entries of each page.

        Raises:
            ServiceUnavailable: MongoDB does not answer.
        """
        found = [await self._partition(number, report) for number in self._chosen]
        if self._all and (foreign := await self._pages.outside(self._positions)):
            found.append(Checked(None, finding=f"the entry {foreign} was inserted: it is of no partition"))
        return found

    async def _partition(self, number: int, report: Callable[[int], object]) -> Checked:
        position = self._positions[number]
        end = position.base() + position.next
        chain = position.chain
        if chain is None:
            return Checked(number, unproven=await self._pages.count_before(number, end))
        walk = Walk(chain, {head.number: head.hash for head in self._heads if head.partition == number})
        finding = await self._walk(number, walk, (chain.start, end), report)
        finding = finding or walk.end() or await self._beyond(number)
        (head,) = heads_of([position])
        return Checked(
            number,
            walk.number,
            walk.erased,
            walk.pruned,
            await self._pages.count_before(number, chain.start),
            finding and finding.what,
            finding and finding.offset,
            head,
        )

    async def _walk(
        self, number: int, walk: Walk, span: tuple[int, int], report: Callable[[int], object]
    ) -> Finding | None:
        async for page in self._pages.entries(number, *span):
            for document in page:
                found = walk.step(bytes(document.raw))
                if isinstance(found, str) and not await self._was_erased(found):
                    found = Finding(document["offset"], "marked as erased, but the account never was")
                if isinstance(found, Finding):
                    return found
            report(len(page))
        return None

    async def _was_erased(self, account: str) -> bool:
        if account not in self._erased:
            if len(self._erased) >= _REMEMBERED:
                self._erased.clear()
            self._erased[account] = await self._pages.was_erased(account)
        return self._erased[account]

    async def _beyond(self, number: int) -> Finding | None:
        """An entry after the position. The service stores both in one transaction, so there is none."""
        last = await self._pages.last(number)
        position = (await self._pages.positions())[number]
        if last is not None and last >= position.base() + position.next:
            return Finding(last, "the entry was inserted: it lies after the position")
        return None

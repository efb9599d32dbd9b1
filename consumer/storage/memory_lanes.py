"""The open transactions of the store in memory."""

from __future__ import annotations

from asyncio import CancelledError
from contextlib import contextmanager
from typing import TYPE_CHECKING

from consumer.errors import Fenced, OutcomeUnknown, StoreUnavailable
from consumer.storage.protocols import SESSIONS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from consumer.storage.memory_batch import Key, MemoryBatch


class Lanes:
    """Where transactions are open, and where owners may begin others.

    Attributes:
        free: for each owner, the lanes in which a transaction may begin.
        open: the transactions that have neither committed nor failed.
    """

    def __init__(self) -> None:
        self.free: set[tuple[str, int]] = set()
        self.open: list[MemoryBatch] = []

    def claim(self, owner: str) -> None:
        """The owner may begin transactions."""
        self.free |= {(owner, lane) for lane in range(SESSIONS)}

    def begin(self, batch: MemoryBatch, lane: int) -> None:
        """A transaction begins.

        Raises:
            Fenced: the owner has not claimed since the last failure.
        """
        if (batch.owner, lane) not in self.free:
            raise Fenced("nothing was claimed after the last failure")
        self.free.remove((batch.owner, lane))
        self.open.append(batch)

    @contextmanager
    def opened(self, batch: MemoryBatch, lane: int) -> Iterator[None]:
        """A transaction is open in the `with` block; raises what `begin` does."""
        self.begin(batch, lane)
        key = (batch.owner, lane)
        try:
            yield
        except (StoreUnavailable, OutcomeUnknown, CancelledError):
            raise  # and the lane stays in use until the next claim
        except BaseException:
            self.free.add(key)
            raise
        else:
            self.free.add(key)
        finally:
            self.open.remove(batch)

    def end(self, owners: Collection[str | None]) -> None:
        """Open transactions of these owners can no longer commit."""
        for batch in self.open:
            batch.ended |= batch.owner in owners

    def others(self, batch: MemoryBatch) -> list[MemoryBatch]:
        """The transactions that are open beside this one."""
        return [other for other in self.open if other is not batch]

    def conflicts(self, batch: MemoryBatch, keys: frozenset[Key]) -> bool:
        """Whether another open transaction writes one of these keys."""
        return any(keys & other.keys for other in self.others(batch) if not other.ended)

"""Follows the chain of one partition's history, and says where it breaks. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from consumer.engine.entries import erased_entry
from consumer.errors import ForeignDocument
from consumer.storage.chain import StoredEntry, linked, new_chain, stored_entry
from consumer.storage.documents import history_from

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consumer.storage.history import Chain


class Finding(NamedTuple):
    """Where the chain breaks. `offset` is that of the entry; None: no entry is there."""

    offset: int | None
    what: str


class Walk:
    """One partition, entry by entry in the order of their sequence numbers.

    Args:
        chain: as the position has it.
        kept: hashes that were noted down earlier, by the number of their entry.
    """

    def __init__(self, chain: Chain, kept: Mapping[int, bytes]) -> None:
        self._chain = chain
        self._kept = kept
        _, self.number, self._head = new_chain(chain.start)
        self._offset: int | None = None
        self.erased = 0
        self.pruned = 0

    def step(self, raw: bytes) -> Finding | str | None:
        """The next entry: where the chain breaks; the account whose erasure it needs; or nothing."""
        try:
            entry = stored_entry(raw)
            offset, number = entry.document["offset"], entry.document.get("number")
        except (ValueError, KeyError):
            return Finding(None, f"{self._after()} is no history entry: it was changed")
        if finding := self._misplaced(offset, number, entry):
            return finding
        self._head = linked(self._head, entry.hash_of_details, entry.kept)
        if self._head != entry.chain:
            return Finding(offset, f"entry {number:,} was changed")
        self.number, self._offset = self.number + 1, offset
        if self._kept.get(self.number, self._head) != self._head:
            return Finding(
                offset, f"entry {number:,} has another hash than the one given: the history was rewritten"
            )
        return self._details(entry)

    def end(self) -> Finding | None:
        """After the last entry."""
        missing = self._chain.number - self.number
        if missing > 0:
            return Finding(None, f"the last {missing:,} entries were removed, {self._after()}")
        if self._head != self._chain.head:
            return Finding(self._offset, "the hash in the position is not that of the last entry")
        beyond = [number for number in self._kept if number > self.number]
        return Finding(None, f"there is no entry {min(beyond):,}, whose hash was given") if beyond else None

    def _misplaced(self, offset: int, number: int | None, entry: StoredEntry) -> Finding | None:
        expected = self.number + 1
        if entry.chain is None or not isinstance(number, int) or number > self._chain.number:
            return Finding(offset, "the entry was inserted: it is not in the chain")
        if number > expected:
            gone = (
                f"entry {expected:,}" if number == expected + 1 else f"entries {expected:,} to {number - 1:,}"
            )
            return Finding(None, f"{gone} removed, {self._after()} and before offset {offset:,}")
        if number < expected:
            return Finding(offset, f"a second entry {number:,}: this one or the other was inserted")
        return None

    def _details(self, entry: StoredEntry) -> Finding | str | None:
        if entry.details_hash is None:
            return None
        offset, account = entry.document["offset"], entry.document.get("account_id")
        if account is None:
            self.pruned += 1
            return Finding(offset, "details of a pruned entry were changed") if entry.details else None
        self.erased += 1
        try:
            stored = history_from(entry.document)
        except ForeignDocument:
            return Finding(offset, "details of an erased entry were changed")
        if erased_entry(stored) is not stored:
            return Finding(offset, "details of an erased entry were changed")
        return str(account)

    def _after(self) -> str:
        return "at the start of the chain" if self._offset is None else f"after offset {self._offset:,}"

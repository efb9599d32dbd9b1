"""The reads and writes of one batch, in a transaction of the store in memory."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import bson
from bson import ObjectId

from consumer.errors import AheadOfPosition, ContractIdTaken, Fenced, PoisonDocument, WriteConflict
from consumer.storage.documents import CODEC, contract_document, contract_from, history_document
from consumer.storage.history import Past, Seen
from consumer.storage.mongo_errors import translated
from consumer.storage.movements import Total

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from consumer.storage.history import HistoryEntry
    from consumer.storage.movements import Bucket, Kind
    from consumer.storage.protocols import BatchWrites, ContractWrite, Move
    from schemas.contract import Contract

MAX_DOCUMENT_BYTES = 16 << 20

Key = tuple[str, str | bytes]
"""A document that only one open transaction may write: its kind, and its id."""


class StoredContract(NamedTuple):
    """A contract's document, and its keys."""

    object_id: bytes
    contract_id: str
    document: bytes


class Contents(NamedTuple):
    """All documents at one time; see MemoryStore."""

    current: dict[str, StoredContract]
    former: list[bytes]
    history: dict[bytes, HistoryEntry]
    movements: dict[tuple[str, Bucket], dict[Kind, Total]]


class MemoryBatch:
    """Implements BatchTransaction.

    Args:
        owner: of the transaction.
        contents: the stored documents when it begins; a copy, which later writes do not change.
        check_moves: raises Fenced if a position is not the expected one.
        conflicts: whether another open transaction has written one of these keys.
    """

    def __init__(
        self,
        owner: str,
        contents: Contents,
        check_moves: Callable[[Sequence[Move]], None],
        conflicts: Callable[[MemoryBatch, frozenset[Key]], bool],
    ) -> None:
        self.owner = owner
        self.keys: frozenset[Key] = frozenset()
        self.overtaken: set[Key] = set()
        """What other transactions have committed since this one began."""
        self.ended = False
        """Ended by a claim."""
        self.moves: Sequence[Move] = ()
        self._contents = contents
        self._documents: Documents | None = None
        self._check_moves = check_moves
        self._conflicts = conflicts

    async def contracts(self, accounts: Collection[str]) -> dict[str, Contract]:
        stored = self._contents.current
        return {
            account: contract_from(decoded(stored[account].document))
            for account in accounts
            if account in stored
        }

    async def seen(self, identities: Collection[bytes]) -> dict[bytes, Seen]:
        stored = self._contents.history
        return {
            identity: Seen(*(getattr(entry, name) for name in Seen._fields))
            for identity in identities
            if (entry := stored.get(identity)) is not None
        }

    async def holders(self, contract_ids: Collection[str]) -> dict[str, str]:
        stored = self._contents
        former = {one["contract_id"]: one["account_id"] for one in map(decoded, stored.former)}
        current = {contract.contract_id: account for account, contract in stored.current.items()}
        return {name: account for name, account in (former | current).items() if name in contract_ids}

    async def past(self, accounts: Collection[str]) -> Past:
        stored = self._contents
        former = [contract_from(decoded(document)) for document in stored.former]
        return Past(
            [replace(entry) for entry in stored.history.values() if entry.account_id in accounts],
            [contract for contract in former if contract["account_id"] in accounts],
        )

    async def write(self, writes: BatchWrites, moves: Sequence[Move]) -> None:
        self._check_moves(moves)
        with translated():
            documents = Documents(writes)
        keys = frozenset(_keys(documents, moves))
        if self.ended or self._conflicts(self, keys) or keys & self.overtaken:
            raise WriteConflict("another transaction has written the same")
        self._check(documents, writes)
        self.keys, self.moves, self._documents = keys, moves, documents

    def _check(self, documents: Documents, writes: BatchWrites) -> None:
        left = dict(self._contents.current)
        for account, before, _ in writes.contracts:
            there = left.pop(account, None)
            if (before and before["_id"]) != (there and there.object_id):
                raise (Fenced if before else AheadOfPosition)(f"another contract is there for {account}")
        changed = [stored for stored in documents.contracts.values() if stored is not None]
        ids = [stored.contract_id for stored in (*left.values(), *changed)]
        if len(set(ids)) != len(ids):
            raise ContractIdTaken("there is another document with the same contract_id")
        known = self._contents.history.keys()
        if len(documents.history) != len(writes.history) or not known.isdisjoint(documents.history):
            raise AheadOfPosition("there is another document with the same _id")
        former = {decoded(document)["_id"] for document in self._contents.former}
        if documents.rewritten.keys() - known or documents.rewritten_former.keys() - former:
            raise Fenced("what is to be erased was removed meanwhile")

    def apply(self, contents: Contents) -> None:
        """Writes the batch into these contents, unless the transaction was ended.

        Raises:
            Fenced: another owner has ended it.
            WriteConflict: a claim of another partition has ended it.
        """
        self._check_moves(self.moves)
        if self.ended:
            raise WriteConflict("the transaction was ended")
        if self._documents is not None:
            self._documents.put(contents)


def _keys(documents: Documents, moves: Sequence[Move]) -> Iterator[Key]:
    yield from (("position", move.position.partition) for move in moves)
    for account, stored in documents.contracts.items():
        yield "account", account
        if stored is not None:
            yield "contract", stored.contract_id
    yield from (("history", identity) for identity in (*documents.history, *documents.rewritten))


class Documents:
    """A batch as BSON."""

    def __init__(self, writes: BatchWrites) -> None:
        self.contracts = {write.account_id: _contract(write) for write in writes.contracts}
        self.former = [_encoded(contract_document(contract)) for contract in writes.former]
        self.history = {entry.identity: _entry(entry) for entry in writes.history}
        self.movements = writes.movements
        rewritten = writes.rewritten
        self.rewritten = {entry.identity: _entry(entry) for entry in rewritten.history}
        self.rewritten_former = {
            ObjectId(former["_id"]): _encoded(contract_document(former)) for former in rewritten.former
        }

    def put(self, contents: Contents) -> None:
        """Stores the encoded batch."""
        for account, stored in self.contracts.items():
            if stored is None:
                contents.current.pop(account, None)
            else:
                contents.current[account] = stored
        former = contents.former
        if rewritten := self.rewritten_former:
            former[:] = [rewritten.get(decoded(each)["_id"], each) for each in former]
        former += self.former
        contents.history.update(self.rewritten | self.history)
        for partition, bucket, totals in self.movements:
            contents.movements[partition, bucket] = _sum(
                contents.movements.get((partition, bucket), {}), totals
            )


def _sum(stored: Mapping[Kind, Total], added: Mapping[Kind, Total]) -> dict[Kind, Total]:
    sums = {kind: stored[kind] if kind in stored else Total(Decimal(0), 0) for kind in {**stored, **added}}
    for kind, total in added.items():
        sums[kind] = Total(sums[kind].amount + total.amount, sums[kind].times + total.times)
    return sums


def _contract(write: ContractWrite) -> StoredContract | None:
    after = write.after
    if after is None:
        return None
    return StoredContract(after["_id"], after["contract_id"], _encoded(contract_document(after)))


def _entry(entry: HistoryEntry) -> HistoryEntry:
    _check_size(entry.encoded or _encoded(history_document(entry)))
    return replace(entry, encoded=None)


def _encoded(document: Mapping[str, Any]) -> bytes:
    return _check_size(bson.encode(document, codec_options=CODEC))


def _check_size(encoded: bytes) -> bytes:
    if len(encoded) > MAX_DOCUMENT_BYTES:
        raise PoisonDocument(f"a document of {len(encoded)} bytes")
    return encoded


def decoded(document: bytes) -> dict[str, Any]:
    """A stored document, as the driver returns it."""
    return bson.decode(document, CODEC)

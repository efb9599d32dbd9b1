"""A log folded in batches, each of which reads what the one before has stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import bson

from consumer.engine.decoder import Decoder
from consumer.engine.encoder import Encoder
from consumer.engine.fold import Fold
from consumer.engine.records import Incoming
from consumer.kafka.recordbatches import BatchWriter, Output
from consumer.storage.chain import new_chain
from consumer.storage.documents import CODEC, contract_document, contract_from
from consumer.storage.history import Chain, Past, Seen
from consumer.storage.mongo_batch import difference
from consumer.storage.protocols import base_of
from schemas.identity import IDENTITY_BYTES
from tests.unit.engine.logs import PARTITIONS
from tests.unit.engine.oracle import POLICY, add_movements, decoded, read

if TYPE_CHECKING:
    from consumer.domain.model import Policy


@dataclass
class Folded:
    """State and outputs; contracts are kept as a server keeps them."""

    generation: int = 1
    partition: int = 0
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    former: list[Any] = field(default_factory=list)
    history: list[Any] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    tallies: dict[str, int] = field(default_factory=dict)
    movements: dict[Any, tuple[Any, int]] = field(default_factory=dict)
    folds: list[Fold] = field(default_factory=list)
    policy: Policy = POLICY
    chain: Chain = field(default_factory=lambda: new_chain(0))

    @property
    def contracts(self) -> dict[str, Any]:
        return {account: _loaded(document) for account, document in self.documents.items()}

    @property
    def stored(self) -> tuple[dict[str, bytes], list[bytes]]:
        """The documents as the server has them, those of former contracts, too."""
        current = {account: _encoded(document) for account, document in self.documents.items()}
        return current, [_encoded(contract_document(contract)) for contract in self.former]

    def fold(self, log: list[Any], *, muted: bool = False) -> Fold:
        """One batch."""
        decoder = Decoder(PARTITIONS, base=base_of(self.generation))
        records = [decoded(record, decoder) for record in log]
        commands = [one.command for one in records if isinstance(one, Incoming)]
        accounts = {command.account_id for command in commands}
        identities = {command.identity[:IDENTITY_BYTES] for command in commands}
        fold = Fold(
            contracts={account: self.contracts.get(account) for account in accounts},
            seen={
                entry.identity: Seen(*(getattr(entry, name) for name in Seen._fields))
                for entry in self.history
                if entry.identity in identities
            },
            tallies=self.tallies,
            policy=self.policy,
            encoder=Encoder(self.partition),
            writer=None if muted else BatchWriter("none"),
            generation=self.generation,
            past=Past(self.history, self.former),
            holders={
                each["contract_id"]: each["account_id"] for each in (*self.former, *self.documents.values())
            },
        )
        for one in records:
            fold.add(one)
        self._store(fold)
        return fold

    def _store(self, fold: Fold) -> None:
        self.chain = fold.history.link(self.chain)
        for account, before, after in fold.accounts.writes():
            if after is None:
                self.documents.pop(account, None)
            elif before is None or before["_id"] != after["_id"] or before.keys() != after.keys():
                self.documents[account] = _stored(contract_document(after))
            else:
                self.documents[account] |= _stored(difference(before, after))
        past = fold.rewritten()
        former = {one["_id"]: one for one in past.former}
        history = {entry.identity: entry for entry in past.history}
        self.former = [former.get(one["_id"], one) for one in self.former] + fold.accounts.former
        self.history = [history.get(entry.identity, entry) for entry in self.history] + fold.history.entries
        self.outputs += read(fold.outputs.finish() or ())
        self.tallies = fold.accounts.tallies
        add_movements(self.movements, fold)
        self.folds.append(fold)


def folded(
    log: list[Any],
    *ends: int,
    muted: bool = False,
    generation: int = 1,
    partition: int = 0,
    policy: Policy = POLICY,
) -> Folded:
    """The log in batches that end at these places."""
    result = Folded(generation, partition, policy=policy)
    cuts = sorted({0, len(log), *(end for end in ends if end < len(log))})
    for first, after in pairwise(cuts):
        result.fold(log[first:after], muted=muted)
    return result


def _stored(document: dict[str, Any]) -> dict[str, Any]:
    return bson.decode(_encoded(document), CODEC)


def _encoded(document: dict[str, Any]) -> bytes:
    return bson.encode(document, codec_options=CODEC)


def _loaded(document: dict[str, Any]) -> Any:
    return contract_from(_stored(document))

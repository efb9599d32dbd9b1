"""The pure fold over a log, one record at a time: what the pipeline must make of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import bson
from aiokafka.record.default_records import DefaultRecordBatch

from consumer.engine.decoder import Decoder
from consumer.engine.encoder import Encoder
from consumer.engine.fold import Fold
from consumer.engine.records import Incoming, Undecodable
from consumer.kafka.recordbatches import BatchWriter, Output
from consumer.kafka.unreadable import Unreadable
from consumer.storage.chain import new_chain
from consumer.storage.documents import CODEC, contract_document, contract_from
from consumer.storage.history import Chain, Past, Seen
from schemas.identity import IDENTITY_BYTES
from tests.unit.domain.catalogues import POLICY
from tests.unit.engine.logs import PARTITIONS, POISON

Published = dict[tuple[str, int], list[Output]]


def decoded(record: Any, decoder: Decoder | None = None) -> Any:
    if isinstance(record, Unreadable):
        return Undecodable("unreadable", "the client cannot parse this record", "", record)
    return (decoder or Decoder(PARTITIONS)).decode(record)


def refused(incoming: Incoming) -> Undecodable:
    """A command whose document the database refuses."""
    return Undecodable(
        code="refused_by_database",
        message="the database refuses what this command would store",
        path="",
        record=incoming.record,
        envelope=incoming.envelope,
        account_id=incoming.command.account_id,
    )


def is_poison(contracts: Any, former: Any, history: Any) -> bool:
    """Whether a batch holds what the database refuses, be it for a moment only.

    A real database sees no more than the state after the batch. There too it refuses only what the
    domain never makes, so that the outcome does not depend on where a batch ends.
    """
    stored = [after for _, _, after in contracts if after is not None]
    kept = any(contract.get("external_reference") == POISON for contract in (*stored, *former))
    return kept or any(POISON in str(entry.changes) for entry in history)


def read(batches: Any) -> list[Output]:
    """The records of finished batches."""
    return [
        Output(batch.topic, batch.partition, one.key, one.value, tuple(one.headers), one.timestamp)
        for batch in batches
        for one in DefaultRecordBatch(bytes(batch.body))
    ]


def by_topic(outputs: list[Output]) -> Published:
    """Order counts within a partition only."""
    found: Published = defaultdict(list)
    for output in outputs:
        found[output.topic, output.partition].append(output)
    return dict(found)


def add_movements(so_far: dict[Any, tuple[Any, int]], fold: Fold) -> None:
    """Amount and times, by day, plan, currency and kind."""
    for tallied in fold.accounts.movements.of("t/0"):
        for kind, total in tallied.totals.items():
            amount, times = so_far.get((tallied.bucket, kind), (0, 0))
            so_far[tallied.bucket, kind] = amount + total.amount, times + total.times


@dataclass
class Expected:
    """State and outputs after a log."""

    contracts: dict[str, Any] = field(default_factory=dict)
    former: list[Any] = field(default_factory=list)
    history: dict[bytes, Any] = field(default_factory=dict)
    outputs: list[Output] = field(default_factory=list)
    tallies: dict[str, int] = field(default_factory=dict)
    movements: dict[Any, tuple[Any, int]] = field(default_factory=dict)
    chain: Chain = field(default_factory=lambda: new_chain(0))
    refused: int = 0
    partition: int = 0
    decoder: Decoder = field(default_factory=lambda: Decoder(PARTITIONS))

    def fold(self, record: Any) -> None:
        one = decoded(record, self.decoder)
        fold = self._folded(one)
        if is_poison(fold.accounts.writes(), fold.accounts.former, fold.history.entries):
            fold = self._folded(refused(one))
            self.refused += 1
        self.chain = fold.history.link(self.chain)
        self.outputs += read(fold.outputs.finish() or ())
        for account, _, after in fold.accounts.writes():
            self.contracts.pop(account, None)
            if after is not None:
                # As the next record finds it in the database.
                stored = bson.encode(contract_document(after), codec_options=CODEC)
                self.contracts[account] = contract_from(bson.decode(stored, CODEC))
        past = fold.rewritten()
        self.history |= {entry.identity: entry for entry in (*past.history, *fold.history.entries)}
        rewritten = {contract["_id"]: contract for contract in past.former}
        self.former = [rewritten.get(former["_id"], former) for former in self.former] + fold.accounts.former
        self.tallies = fold.accounts.tallies
        add_movements(self.movements, fold)

    def _folded(self, one: Any) -> Fold:
        incoming = one if isinstance(one, Incoming) else None
        account = incoming and incoming.command.account_id
        identity = incoming and incoming.command.identity[:IDENTITY_BYTES]
        entry = self.history.get(identity) if identity else None
        seen = entry and {identity: Seen(*(getattr(entry, name) for name in Seen._fields))}
        fold = Fold(
            contracts={account: self.contracts.get(account)} if account else {},
            seen=seen or {},
            tallies=self.tallies,
            policy=POLICY,
            encoder=Encoder(self.partition),
            writer=BatchWriter("none"),
            generation=1,
            past=Past([*self.history.values()], self.former),
            holders=dict(self.holders),
        )
        fold.add(one)
        return fold

    @property
    def holders(self) -> dict[str, str]:
        """Whose the ids of all contracts are, the first one's."""
        return {each["contract_id"]: each["account_id"] for each in (*self.former, *self.contracts.values())}


def expected(log: list[Any]) -> Expected:
    result = Expected()
    for record in log:
        result.fold(record)
    return result

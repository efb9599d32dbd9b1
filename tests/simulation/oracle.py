"""The pure fold over the logs of all partitions, one record at a time: what the engine must make of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bson

from consumer.engine.encoder import Encoder
from consumer.engine.fold import Fold
from consumer.engine.records import Incoming
from consumer.kafka.recordbatches import BatchWriter
from consumer.storage.chain import new_chain
from consumer.storage.documents import CODEC, contract_document, contract_from
from tests.unit.engine.logs import POISON
from tests.unit.engine.oracle import POLICY, Expected, add_movements, decoded, read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consumer.engine.decoder import Decoder


def expected(log: Sequence[Any], partition: int, decoder: Decoder) -> Expected:
    """State and outputs of one partition: in one fold, or one for each record where one is refused."""
    poison = POISON.encode()
    if any(poison in (record.value or b"") for record in log):
        result = Expected(partition=partition, decoder=decoder)
        for record in log:
            result.fold(record)
        return result
    return _of_one_batch(log, partition, decoder)


def _of_one_batch(log: Sequence[Any], partition: int, decoder: Decoder) -> Expected:
    records = [decoded(record, decoder) for record in log]
    accounts = {one.command.account_id for one in records if isinstance(one, Incoming)}
    fold = Fold(
        contracts=dict.fromkeys(accounts),
        seen={},
        tallies={},
        policy=POLICY,
        encoder=Encoder(partition),
        writer=BatchWriter("none"),
        generation=1,
    )
    for one in records:
        fold.add(one)
    chain = fold.history.link(new_chain(0))
    movements: dict[Any, tuple[Any, int]] = {}
    add_movements(movements, fold)
    return Expected(
        contracts={
            account: _stored(one) for account, one in fold.accounts.contracts.items() if one is not None
        },
        former=[_stored(contract) for contract in fold.accounts.former],
        history={entry.identity: entry for entry in fold.history.entries},
        outputs=read(fold.outputs.finish() or ()),
        tallies=fold.accounts.tallies,
        movements=movements,
        chain=chain,
        decoder=decoder,
    )


def _stored(contract: Any) -> Any:
    """As it is found in the database."""
    return contract_from(bson.decode(bson.encode(contract_document(contract), codec_options=CODEC), CODEC))

"""The test kit's service: one partition, with the decoder, fold and encoder of the real service."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Final

from consumer.engine.apply import Share, apply
from consumer.engine.collected import Collected
from consumer.engine.decoder import Decoder
from consumer.engine.encoder import Encoder
from consumer.storage.protocols import Origin, Position
from producers.kit_outputs import KitOutputs, KitRecord
from schemas.topics import COMMANDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from consumer.domain.model import Policy
    from consumer.stages import Stage
    from consumer.storage.history import Seen
    from consumer.storage.protocols import BatchTransaction, Store
    from schemas.contract import Contract

PARTITION: Final = f"{COMMANDS}/0"
_OWNER: Final = "testkit"


class KitPartition:
    """Applies records one by one. Also answers the queries of `consumer.reading.preview.Known`.

    Args:
        store: stores contracts and history.
        policy: defaults of new contracts.
    """

    def __init__(self, store: Store, policy: Policy) -> None:
        self.outputs = KitOutputs()
        self.current: dict[str, Contract] = {}
        """The contract of each account that has one."""
        self._store = store
        self.policy = policy
        self._decoder = Decoder(1)
        self._encoder = Encoder(0)
        self._position: Position | None = None

    async def deliver(
        self,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes | None]],
        at: datetime,
    ) -> None:
        """Applies a record with this timestamp."""
        position = self._position or await self._claimed()
        record = KitRecord(COMMANDS, 0, position.next, int(at.timestamp() * 1000), key, value, headers)
        outputs = Collected()
        share = Share(position, [self._decoder.decode(record)], record.offset + 1, {}, self._encoder, outputs)
        async with self._store.transaction(_OWNER, 0) as transaction:
            (applied,) = await apply(
                transaction,
                [share],
                policy=self.policy,
                output_bytes=sys.maxsize,
                stage=_unmeasured,
            )
        self._position = applied.position
        for account, contract in applied.fold.accounts.contracts.items():
            if contract is None:
                self.current.pop(account, None)
            else:
                self.current[account] = contract
        for output in outputs.outputs:
            self.outputs.publish(output)

    async def _claimed(self) -> Position:
        claimed = await self._store.claim([PARTITION], _OWNER)
        if PARTITION not in claimed:
            initial = Position(PARTITION, Origin("testkit", "testkit", 1), next=0)
            await self._store.begin(initial, _OWNER)
            return initial
        return claimed[PARTITION]

    async def contracts(self, accounts: Collection[str]) -> Mapping[str, Contract]:
        """The contracts of accounts that have one."""
        async with self._asking() as transaction:
            return await transaction.contracts(accounts)

    async def seen(self, identities: Collection[bytes]) -> Mapping[bytes, Seen]:
        """The outcomes of those commands that were applied."""
        async with self._asking() as transaction:
            return await transaction.seen(identities)

    async def holders(self, contract_ids: Collection[str]) -> Mapping[str, str]:
        """The account of each contract id that was ever used."""
        async with self._asking() as transaction:
            return await transaction.holders(contract_ids)

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[BatchTransaction]:
        await self._claimed()
        async with self._store.transaction(_OWNER, 0) as transaction:
            yield transaction


def _unmeasured(_: Stage) -> AbstractContextManager[None]:
    return nullcontext()

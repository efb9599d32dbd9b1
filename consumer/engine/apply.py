"""One batch inside a MongoDB transaction: load what it needs, fold each partition's share, write it all.

The caller opens the transaction and commits it. The test kit calls this with a store in memory, so that
what it publishes is what the service would publish.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple
from zlib import crc32

from consumer.domain.commands.table import BRINGING_ID, ERASING, OPENING, opened_id
from consumer.engine.fold import Fold
from consumer.engine.limits import BATCH_SHARES
from consumer.engine.records import Incoming
from consumer.errors import AheadOfPosition
from consumer.kafka.recordbatches import pack
from consumer.storage.chain import new_chain
from consumer.storage.history import NO_PAST, Past
from consumer.storage.protocols import BatchWrites, LastRecord, Move, OutboxSlot
from schemas.identity import IDENTITY_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from consumer.domain.model import Policy
    from consumer.engine.encoder import Encoder
    from consumer.engine.records import Decoded, Record
    from consumer.kafka.recordbatches import BatchWriter, RecordBatch
    from consumer.stages import Stage
    from consumer.storage.history import Chain, Seen
    from consumer.storage.protocols import BatchTransaction, Position
    from schemas.contract import Contract

SLICE: Final = 20
"""Records handled without a pause for other tasks: some 2 ms. The batch before is being published meanwhile,
and waits for three answers of the broker, one after the other."""


class Share(NamedTuple):
    """One partition's part of a batch.

    `next` is the position after `records`. `known` are contracts that need not be loaded; None: the account
    has none. `writer` encodes the outputs; None: they were published before. `slot` is the number of the next
    slot of the outbox.
    """

    position: Position
    records: Sequence[Decoded]
    next: int
    known: Mapping[str, Contract | None]
    encoder: Encoder
    writer: BatchWriter | None
    slot: int = 0

    def again(self) -> Share:
        """The same share for another try, with empty outputs."""
        return self._replace(writer=self.writer and self.writer.empty())


class AppliedShare(NamedTuple):
    """The result of a share. `outputs` None: they were published before. `records`: how many were folded."""

    position: Position
    outputs: list[RecordBatch] | None
    records: int
    fold: Fold


class _Loaded(NamedTuple):
    """What is stored for the accounts and commands of a batch."""

    contracts: Mapping[str, Contract]
    seen: Mapping[bytes, Seen]
    past: Past
    holders: dict[str, str]


async def apply(
    transaction: BatchTransaction,
    shares: Sequence[Share],
    *,
    policy: Policy,
    output_bytes: int,
    look_up: bool = True,
    stage: Callable[[Stage], AbstractContextManager[None]],
) -> list[AppliedShare]:
    """Applies the shares, one for each partition.

    A share ends where its outputs reach `output_bytes`, or those of all shares a multiple of it: the rest is
    for the next batch. `look_up` False: the commands are taken as new, and the contract ids that the service
    makes as free, as almost all are. If one is not, the unique keys of the database refuse the batch.

    Raises:
        AheadOfPosition: the database holds changes after a position: the backup was not consistent, or the
            partition has another owner. Without `look_up` also: a command was applied before.
        ContractIdTaken: another account has a contract id that was not looked up.
        StoreError: what the transaction raises.
    """
    with stage("load"):
        loaded = await _load(transaction, shares, look_up=look_up)
    applied = []
    left = BATCH_SHARES * output_bytes
    with stage("fold"):
        for share in shares:
            _check_torn(share, loaded)
            applied.append(await _fold(share, loaded, policy, min(output_bytes, left)))
            left -= applied[-1].fold.output_bytes()
    with stage("store"):
        await transaction.write(
            _writes(applied), [_move(*pair) for pair in zip(shares, applied, strict=True)]
        )
    return applied


async def _load(transaction: BatchTransaction, shares: Sequence[Share], *, look_up: bool) -> _Loaded:
    unknown = [
        account for share in shares for account in accounts(share.records) if account not in share.known
    ]
    commands = [incoming for share in shares for incoming in _commands(share.records)]
    identities = {
        incoming.command.identity[:IDENTITY_BYTES] for incoming in commands if incoming.spec.deduplicated
    }
    to_erase = {incoming.command.account_id for incoming in commands if incoming.command.name in ERASING}
    return _Loaded(
        await transaction.contracts(unknown),
        await transaction.seen(identities) if look_up else {},
        await transaction.past(to_erase) if to_erase else NO_PAST,
        await transaction.holders(_opened_ids(commands, OPENING if look_up else BRINGING_ID)),
    )


def _opened_ids(commands: Sequence[Incoming], names: Collection[str]) -> set[str]:
    """The ids of the contracts that the commands with these names open."""
    return {
        opened_id(incoming.command, incoming.at) for incoming in commands if incoming.command.name in names
    }


def _commands(records: Sequence[Decoded]) -> Iterable[Incoming]:
    return (decoded for decoded in records if isinstance(decoded, Incoming))


def accounts(records: Sequence[Decoded]) -> dict[str, None]:
    """The accounts of the records, each once, in the order of the log."""
    return dict.fromkeys(incoming.command.account_id for incoming in _commands(records))


async def _fold(share: Share, loaded: _Loaded, policy: Policy, output_bytes: int) -> AppliedShare:
    position = share.position
    known = share.known
    fold = Fold(
        contracts={
            account: known[account] if account in known else loaded.contracts.get(account)
            for account in accounts(share.records)
        },
        seen=loaded.seen,
        tallies=position.tallies,
        policy=policy,
        encoder=share.encoder,
        writer=share.writer,
        generation=position.generation,
        past=loaded.past,
        holders=loaded.holders,
    )
    for number, decoded in enumerate(share.records, start=1):
        fold.add(decoded)
        if fold.output_bytes() >= output_bytes:
            break
        if number % SLICE == 0:
            await asyncio.sleep(0)
    else:
        number = len(share.records)
    cut = number < len(share.records)
    to = share.records[number].record.offset if cut else share.next
    last = share.records[number - 1].record if number else None
    return AppliedShare(position_after(position, to, last, fold), fold.outputs.finish(), number, fold)


def position_after(position: Position, to: int, last: Record | None, fold: Fold) -> Position:
    """The position after a batch, whose history entries are linked."""
    return replace(
        position,
        next=to,
        last=position.last if last is None else last_record(last),
        tallies=fold.accounts.tallies,
        chain=_linked(position, fold),
    )


def _linked(position: Position, fold: Fold) -> Chain | None:
    """The chain after the batch. Entries of releases before this one are not part of it."""
    if not fold.history.entries:
        return position.chain
    return fold.history.link(position.chain or new_chain(position.base() + position.next))


def last_record(record: Record) -> LastRecord:
    """What a position stores of the last applied record."""
    return LastRecord(record.offset, record.timestamp, crc32(record.value or b"", crc32(record.key or b"")))


def _check_torn(share: Share, loaded: _Loaded) -> None:
    """Refuses data from after the position: then the database is not from one point in time."""
    position = share.position
    after = position.base() + position.next
    _, partition = position.topic_partition
    for account in accounts(share.records):
        contract = loaded.contracts.get(account)
        if contract is not None and contract["lifecycle"]["offset"] >= after:
            offset = contract["lifecycle"]["offset"]
            raise AheadOfPosition(f"contract {contract['contract_id']} has applied offset {offset}")
    for seen in loaded.seen.values():
        if seen.partition == partition and seen.offset is not None and seen.offset >= after:
            raise AheadOfPosition(f"the history has offset {seen.offset}")


def _writes(applied: Sequence[AppliedShare]) -> BatchWrites:
    folds = [one.fold for one in applied]
    rewritten = [fold.rewritten() for fold in folds]
    return BatchWrites(
        contracts=[write for fold in folds for write in fold.accounts.writes()],
        former=[contract for fold in folds for contract in fold.accounts.former],
        history=[entry for fold in folds for entry in fold.history.entries],
        movements=[
            tallied for one in applied for tallied in one.fold.accounts.movements.of(one.position.partition)
        ],
        rewritten=Past(
            [entry for past in rewritten for entry in past.history],
            [contract for past in rewritten for contract in past.former],
        ),
    )


def _move(share: Share, applied: AppliedShare) -> Move:
    before, after, outputs = share.position, applied.position, applied.outputs
    outbox = (
        OutboxSlot(share.slot, before.generation, before.next, after.next, pack(outputs)) if outputs else None
    )
    return Move(before.next, after, outbox)

"""Continues after the shadow's database did not answer, with the outputs of what was stored nevertheless."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple

from consumer.engine.takeover import Resumed
from consumer.errors import Fenced, OutcomeUnknown, StoreUnavailable
from consumer.kafka.recordbatches import outputs_in, unpack
from consumer.storage.mongo_errors import translated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from consumer.engine.partition import Partition
    from consumer.kafka.recordbatches import Output
    from consumer.storage.mongo import MongoStore
    from consumer.storage.protocols import Position

PATIENCE_SECONDS: Final = 600.0
"""How long to ask a database that does not answer: a run takes hours."""

PAUSE_SECONDS: Final = 1.0


class Kept(NamedTuple):
    """What was stored of a partition and not compared."""

    outputs: Sequence[Output]
    next: int
    commands: int


async def claim_again(
    store: MongoStore, owner: str, partitions: Mapping[int, Partition], published: Mapping[int, int]
) -> dict[int, Kept]:
    """Claims all partitions again, and lets them continue from what is stored.

    `published`: up to where the outputs of each partition are known.

    Raises:
        StoreError: the database has not answered for a long time, or another run has claimed it.
    """
    give_up = monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return await _claim(store, owner, partitions, published)
        except (OutcomeUnknown, StoreUnavailable):
            if monotonic() > give_up:
                raise
        await asyncio.sleep(PAUSE_SECONDS)


async def _claim(
    store: MongoStore, owner: str, partitions: Mapping[int, Partition], published: Mapping[int, int]
) -> dict[int, Kept]:
    names = {number: partition.position.partition for number, partition in partitions.items()}
    if len(await store.owned(names.values(), owner)) < len(names):
        raise Fenced("another run has emptied the database of the shadow")
    found = await store.claim(names.values(), owner)
    slots = await store.outbox(names.values())
    kept = {}
    for number, name in names.items():
        position = found[name]
        # At most one batch: the slots of those before it begin earlier.
        outputs = [
            output
            for slot in slots[name]
            if slot.generation == position.generation and published[number] <= slot.first < position.next
            for output in outputs_in(unpack(slot.frames))
        ]
        if published[number] < position.next:
            commands = await _commands(store, number, position, published[number])
            kept[number] = Kept(outputs, position.next, commands)
    for number, partition in partitions.items():
        partition.go_on_from(Resumed(found[names[number]], found[names[number]].next))
    return kept


async def _commands(store: MongoStore, number: int, position: Position, first: int) -> int:
    base = position.base()
    wanted = {"partition": number, "offset": {"$gte": base + first, "$lt": base + position.next}}
    with translated():
        return int(await store.database.history.count_documents(wanted))

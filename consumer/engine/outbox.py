"""What a takeover finds in the outbox: the outputs that are stored and perhaps not published."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.errors import Fenced, OutboxHole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from consumer.storage.protocols import OutboxSlot, Position, Store


async def unpublished_slots(
    store: Store, owner: str, positions: Mapping[int, Position], behind: Mapping[int, int]
) -> tuple[dict[int, list[OutboxSlot]], dict[int, OutboxHole]]:
    """Of each partition the slots that are not published, in order, or that some are missing.

    `owner` holds the positions now. `behind`: the progress of the partitions where it is behind.

    Raises:
        Fenced: another worker has changed a position meanwhile.
        StoreError: try again later.
    """
    names = [positions[number].partition for number in behind]
    slots = await store.outbox(names) if names else {}
    now = await store.owned(names, owner) if names else {}
    chains: dict[int, list[OutboxSlot]] = {}
    holes: dict[int, OutboxHole] = {}
    for number, committed in behind.items():
        position = positions[number]
        if now[position.partition] != position:
            # A hole may then be only a look at two moments; one that is real will be there again.
            raise Fenced(f"{position.partition} was moved or set back during the takeover")
        chain = chain_of(slots.get(position.partition, ()), position, committed)
        if chain is None:
            holes[number] = OutboxHole(*position.topic_partition, progress=committed, position=position.next)
        else:
            chains[number] = chain
    return chains, holes


def chain_of(slots: Sequence[OutboxSlot], position: Position, committed: int) -> list[OutboxSlot] | None:
    """The slots that cover [committed, position) without a hole, in order; None: there is a hole."""
    chain: list[OutboxSlot] = []
    reached = committed
    for slot in slots:
        if slot.generation == position.generation and slot.first == reached < position.next:
            chain.append(slot)
            reached = slot.next
    return chain if reached == position.next else None

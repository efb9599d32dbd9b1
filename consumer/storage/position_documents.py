"""Positions and the outbox <-> BSON documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from consumer.storage import shapes
from consumer.storage.history import Chain
from consumer.storage.protocols import LastRecord, Origin, OutboxSlot, Position

if TYPE_CHECKING:
    from collections.abc import Mapping


def position_fields(position: Position) -> dict[str, Any]:
    """The fields that a batch changes in a position document."""
    last, chain = position.last, position.chain
    return {
        "next": position.next,
        "last": last and {"offset": last.offset, "timestamp": last.timestamp, "checksum": last.checksum},
        "tallies": dict(position.tallies),
        "chain": chain and chain._asdict() | {"next": position.next},
    }


def position_document(position: Position) -> dict[str, Any]:
    """A whole position document, without id and owner."""
    origin = position.origin
    return {
        "cluster": origin.cluster,
        "group": origin.group,
        "partitions": origin.partitions,
        "partitioner": origin.partitioner,
        "generation": position.generation,
        **position_fields(position),
    }


def position_from(document: Mapping[str, Any]) -> Position:
    """A stored position.

    Raises:
        ForeignDocument: the document is not a position.
    """
    shapes.check("positions", shapes.POSITION, document)
    last, chain = document.get("last"), document.get("chain")
    return Position(
        partition=document["_id"],
        origin=Origin(
            document["cluster"], document["group"], document["partitions"], document["partitioner"]
        ),
        next=document["next"],
        generation=document["generation"],
        last=LastRecord(last["offset"], last["timestamp"], last["checksum"]) if last else None,
        tallies=document.get("tallies", {}),
        # A release without chains leaves it behind: its entries have no hashes, so a new chain begins.
        chain=_chain(chain) if chain and chain["next"] == document["next"] else None,
        has_journal="sessions" in document,
    )


def _chain(document: Mapping[str, Any]) -> Chain:
    return Chain(document["start"], document["number"], bytes(document["head"]))


def slot_document(slot: OutboxSlot) -> dict[str, Any]:
    """A slot of the outbox, without its number."""
    return {"first": slot.first, "next": slot.next, "generation": slot.generation, "frames": slot.frames}


def slots_from(document: Mapping[str, Any]) -> list[OutboxSlot]:
    """The outbox in a position's document, by first offset.

    Raises:
        ForeignDocument: the document is not a position with an outbox.
    """
    outbox = document.get("outbox", {})
    for one in outbox.values():
        shapes.check("positions", shapes.SLOT, one | {"_id": document["_id"]})
    slots = [
        OutboxSlot(int(number), one["generation"], one["first"], one["next"], bytes(one["frames"]))
        for number, one in outbox.items()
    ]
    return sorted(slots, key=lambda slot: slot.first)

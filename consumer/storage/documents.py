"""Domain values <-> BSON documents: money as Decimal128, ids as ObjectId, hostile keys escaped.

Only `metadata` and its patches have keys that callers choose. Percent-encoding `$`, `.`, `%` and NUL
in them keeps an operator from ever reaching MongoDB as one.
"""

from __future__ import annotations

import re
from datetime import UTC
from decimal import Decimal
from operator import attrgetter
from sys import intern
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import unquote

from bson import Binary, Decimal128, ObjectId
from bson.codec_options import CodecOptions, TypeCodec, TypeRegistry

from consumer.errors import ForeignDocument, NewerSchema
from consumer.storage import shapes
from consumer.storage.money import read_money, stored_money
from consumer.storage.protocols import HistoryEntry, LastRecord, Origin, OutboxSlot, Position, Seen
from schemas.contract import ordered
from schemas.upcasting import UnknownVersion, upcast_contract

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic_core import SchemaValidator

    from schemas.contract import Contract


class _MoneyCodec(TypeCodec):
    python_type = Decimal
    bson_type = Decimal128

    def transform_python(self, value: Decimal) -> Decimal128:
        # By its text, because 1.0 and 1.00 are equal but not the same.
        return stored_money(str(value))

    def transform_bson(self, value: Decimal128) -> Decimal:
        return read_money(value.bid)


CODEC: Final[CodecOptions[dict[str, Any]]] = CodecOptions(
    tz_aware=True, tzinfo=UTC, type_registry=TypeRegistry([_MoneyCodec()])
)

_HISTORY_FIELDS: Final = (
    "code",
    "account_id",
    "contract_id",
    "version",
    "type",
    "source",
    "command_id",
    "requested_by",
    "changes",
    "content",
)
"""The fields of a history entry that are left out where nothing is known."""

_history_values: Final = attrgetter(*_HISTORY_FIELDS)

_HOSTILE: Final = re.compile(r"[$.%\x00]")


def _escape(key: str) -> str:
    return _HOSTILE.sub(lambda found: f"%{ord(found[0]):02X}", key)


def contract_document(contract: Contract) -> dict[str, Any]:
    """A whole contract as MongoDB stores it: the same has the same bytes, whichever way it came about."""
    return contract_fields(cast("Mapping[str, Any]", ordered(contract)))


def contract_fields(contract: Mapping[str, Any]) -> dict[str, Any]:
    """Some fields of a contract as MongoDB stores them."""
    stored = dict(contract)
    if "_id" in stored:
        stored["_id"] = ObjectId(stored["_id"])
    if stored.get("metadata"):
        stored["metadata"] = {_escape(key): value for key, value in stored["metadata"].items()}
    return stored


def contract_from(document: dict[str, Any], collection: str = "contracts") -> Contract:
    """A stored contract as the domain knows it, whichever version it was stored in.

    Raises:
        NewerSchema: it was stored by a newer program.
        ForeignDocument: it is none.
    """
    return contracts_from([document], collection)[0]


def contracts_from(documents: Iterable[dict[str, Any]], collection: str = "contracts") -> list[Contract]:
    """Stored contracts as the domain knows them.

    Raises:
        NewerSchema: one was stored by a newer program.
        ForeignDocument: some are none; it names them.
    """
    contracts: list[Contract] = []
    misfits: list[tuple[object, str]] = []
    for document in documents:
        name = document["_id"]
        why = shapes.misfit(shapes.VERSIONED, document)
        contract = None if why else _contract(document)
        why = why or shapes.misfit(shapes.CONTRACT, contract)
        if why:
            misfits.append((name, why))
        elif contract:
            contracts.append(contract)
    if misfits:
        raise ForeignDocument(collection, misfits)
    return contracts


def _contract(document: dict[str, Any]) -> Contract:
    document["_id"] = document["_id"].binary
    metadata = document.get("metadata")
    if metadata:
        document["metadata"] = {unquote(key): value for key, value in metadata.items()}
    try:
        return upcast_contract(_with_shared_names(document))
    except UnknownVersion as error:
        raise NewerSchema(f"contract {document.get('contract_id')}: {error}") from error


def _with_shared_names(document: dict[str, Any]) -> Contract:
    """The same in order, without names of its own: the driver adds them again."""
    contract = ordered(cast("Contract", document))
    fields = cast("dict[str, Any]", contract)
    for name, value in fields.items():
        if value.__class__ in _NESTED:
            fields[name] = _shared(value)
    return contract


def _shared(value: Any) -> Any:
    if value.__class__ is dict:
        return {
            intern(name): part if part.__class__ not in _NESTED else _shared(part)
            for name, part in value.items()
        }
    return [part if part.__class__ not in _NESTED else _shared(part) for part in value]


_NESTED: Final = frozenset({dict, list})


def history_document(entry: HistoryEntry) -> dict[str, Any]:
    """A history entry; what is not known is left out."""
    document: dict[str, Any] = {
        "_id": Binary(entry.identity),
        "partition": entry.partition,
        "offset": entry.offset,
        "occurred_at": entry.occurred_at,
        "outcome": entry.outcome,
    }
    known = zip(_HISTORY_FIELDS, _history_values(entry), strict=True)
    document |= {name: value for name, value in known if value is not None}
    return document


def _checked(collection: str, shape: SchemaValidator, document: Mapping[str, Any]) -> None:
    if why := shapes.misfit(shape, document):
        raise ForeignDocument(collection, [(_shown(document["_id"]), why)])


def _shown(name: Any) -> object:
    return name.hex() if isinstance(name, bytes) else name


def history_from(document: Mapping[str, Any]) -> HistoryEntry:
    """A stored history entry.

    Raises:
        ForeignDocument: it is none.
    """
    _checked("history", shapes.ENTRY, document)
    return HistoryEntry(
        identity=bytes(document["_id"]),
        partition=document["partition"],
        offset=document["offset"],
        occurred_at=document["occurred_at"],
        outcome=document["outcome"],
        **{name: document.get(name) for name in _HISTORY_FIELDS},
    )


SEEN_FIELDS: Final = ("outcome", "code", "contract_id", "version", "partition", "offset", "content")
"""What `seen_from` needs of a history document."""

HOLDER_FIELDS: Final = ("contract_id", "account_id")
"""Of a contract, what tells whose an id is."""


def seen_from(document: Mapping[str, Any]) -> Seen:
    """What the history says of a command.

    Raises:
        ForeignDocument: the entry is none.
    """
    _checked("history", shapes.SEEN, document)
    return Seen(
        document["outcome"],
        document.get("code"),
        document.get("contract_id"),
        document.get("version"),
        document["partition"],
        document["offset"],
        document.get("content"),
    )


def position_fields(position: Position) -> dict[str, Any]:
    """What a batch moves in a position document."""
    last = position.last
    return {
        "next": position.next,
        "last": last and {"offset": last.offset, "timestamp": last.timestamp, "checksum": last.checksum},
        "tallies": dict(position.tallies),
    }


def position_document(position: Position) -> dict[str, Any]:
    """A whole position, but for its id and owner."""
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
        ForeignDocument: it is none.
    """
    _checked("positions", shapes.POSITION, document)
    last = document.get("last")
    return Position(
        partition=document["_id"],
        origin=Origin(
            document["cluster"], document["group"], document["partitions"], document["partitioner"]
        ),
        next=document["next"],
        generation=document["generation"],
        last=LastRecord(last["offset"], last["timestamp"], last["checksum"]) if last else None,
        tallies=document.get("tallies", {}),
        has_journal="sessions" in document,
    )


def slot_document(slot: OutboxSlot) -> dict[str, Any]:
    """A slot of the outbox, but for its number."""
    return {"first": slot.first, "next": slot.next, "generation": slot.generation, "frames": slot.frames}


def slots_from(document: Mapping[str, Any]) -> list[OutboxSlot]:
    """The outbox in a position's document, by first offset.

    Raises:
        ForeignDocument: it is none.
    """
    outbox = document.get("outbox", {})
    for one in outbox.values():
        _checked("positions", shapes.SLOT, one | {"_id": document["_id"]})
    slots = [
        OutboxSlot(int(number), one["generation"], one["first"], one["next"], bytes(one["frames"]))
        for number, one in outbox.items()
    ]
    return sorted(slots, key=lambda slot: slot.first)

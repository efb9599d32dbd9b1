"""Contracts and history entries <-> BSON documents: money as Decimal128, ids as ObjectId, keys escaped.

Callers choose the keys of `metadata` and of patches to it. `$`, `.`, `%` and NUL in them are percent-encoded,
so that MongoDB never takes a key for an operator.
"""

from __future__ import annotations

import re
from datetime import UTC
from decimal import Decimal
from operator import attrgetter
from sys import intern
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import unquote

from bson import Decimal128, ObjectId
from bson.codec_options import CodecOptions, TypeCodec, TypeRegistry

from consumer.errors import ForeignDocument, NewerSchema
from consumer.storage import shapes
from consumer.storage.history import HistoryEntry, Seen
from consumer.storage.history_text import upcast_entry
from consumer.storage.money import read_money, stored_money
from schemas.upcasting import UnknownVersion, upcast_contract
from schemas.views import ordered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from schemas.contract import Contract


class _MoneyCodec(TypeCodec):
    python_type = Decimal
    bson_type = Decimal128

    def transform_python(self, value: Decimal) -> Decimal128:
        # By its text, because 1.0 and 1.00 are equal but must be stored differently.
        return stored_money(str(value))

    def transform_bson(self, value: Decimal128) -> Decimal:
        return read_money(value.bid)


CODEC: Final[CodecOptions[dict[str, Any]]] = CodecOptions(
    tz_aware=True, tzinfo=UTC, type_registry=TypeRegistry([_MoneyCodec()])
)

DETAILS: Final = ("account_id", "type", "source", "command_id", "requested_by", "changes")
"""The fields of a history entry that erasing changes and pruning removes."""

HASHES: Final = ("chain", "details_hash")
CHAINED: Final = ("number", *HASHES)
"""The fields of a history entry that depend on the entries before it."""

_ATTRIBUTES: Final = (
    *("partition", "offset", "occurred_at", "outcome", "code", "contract_id", "version", "content", "number"),
    *DETAILS,
    *HASHES,
)
"""The attributes of a history entry that are stored under their names, in the order of a document."""

_FIELDS: Final = ("_id", *_ATTRIBUTES)
_values: Final = attrgetter("identity", *_ATTRIBUTES)

_HOSTILE: Final = re.compile(r"[$.%\x00]")


def _escape(key: str) -> str:
    return _HOSTILE.sub(lambda found: f"%{ord(found[0]):02X}", key)


def contract_document(contract: Contract) -> dict[str, Any]:
    """A whole contract as MongoDB stores it: equal contracts have equal bytes, also their order of fields."""
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
    """A stored contract as the domain uses it, from any schema version.

    Raises:
        NewerSchema: it was stored by a newer version of the service.
        ForeignDocument: it is not a contract.
    """
    return contracts_from([document], collection)[0]


def contracts_from(documents: Iterable[dict[str, Any]], collection: str = "contracts") -> list[Contract]:
    """Stored contracts as the domain uses them.

    Raises:
        NewerSchema: one was stored by a newer version of the service.
        ForeignDocument: some are not contracts; it names them.
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
    """The same fields in the same order, without their names: the driver adds the names again."""
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
    """A history entry; fields without a value are left out."""
    known = zip(_FIELDS, _values(entry), strict=False)  # the check of lengths would take longer than the rest
    return {name: value for name, value in known if value is not None}


def history_from(document: Mapping[str, Any]) -> HistoryEntry:
    """A stored history entry, one of version 0.1 as well.

    Raises:
        ForeignDocument: the document is not a history entry.
    """
    document = upcast_entry(document)
    shapes.check("history", shapes.ENTRY, document)
    known: dict[str, Any] = {name: document.get(name) for name in _ATTRIBUTES}
    return HistoryEntry(identity=bytes(document["_id"]), **known)


SEEN_FIELDS: Final = ("outcome", "code", "contract_id", "version", "partition", "offset", "content")
"""The fields of a history document that `seen_from` needs."""

HOLDER_FIELDS: Final = ("contract_id", "account_id")
"""The fields of a contract that show which account has which id."""


def seen_from(document: Mapping[str, Any]) -> Seen:
    """What the history entry of a command contains.

    Raises:
        ForeignDocument: the document is not a history entry.
    """
    shapes.check("history", shapes.SEEN, document)
    return Seen(
        document["outcome"],
        document.get("code"),
        document.get("contract_id"),
        document.get("version"),
        document["partition"],
        document["offset"],
        document.get("content"),
    )

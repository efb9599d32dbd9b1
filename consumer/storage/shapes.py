"""The shape of the service's documents: fields and types, as far as the program relies on them.

Other programs write to the same database, and people edit documents by hand. A document of another shape is
reported with its id when it is read, before it is used.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, Literal, NotRequired, cast, get_args, get_origin, get_type_hints

from bson import ObjectId
from pydantic_core import SchemaValidator, ValidationError, core_schema
from typing_extensions import TypedDict

from consumer.errors import ForeignDocument
from consumer.storage.kept import KeptEvent
from schemas.contract import ContractState, Lifecycle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import CoreSchema, ErrorDetails

_SCALARS: Final[Mapping[Any, CoreSchema]] = {
    str: core_schema.str_schema(strict=True),
    int: core_schema.int_schema(strict=True),
    bool: core_schema.bool_schema(strict=True),
    bytes: core_schema.bytes_schema(strict=True),
    datetime: core_schema.is_instance_schema(datetime),
    Decimal: core_schema.is_instance_schema(Decimal),
    ObjectId: core_schema.is_instance_schema(ObjectId),
    NoneType: core_schema.none_schema(),
    Any: core_schema.any_schema(),
}


def _of(hint: Any) -> CoreSchema:
    """The shape that a type hint of schemas/contract.py describes, without the limits of its values."""
    if isinstance(hint, dict):
        return cast("CoreSchema", hint)
    if hint in _SCALARS:
        return _SCALARS[hint]
    parts = get_args(hint)
    if parts:
        return _generic(get_origin(hint), parts)
    is_open = getattr(hint, "__pydantic_config__", {}).get("extra") == "allow"
    return _fields(_hints(hint), closed=not is_open)


def _generic(origin: Any, parts: tuple[Any, ...]) -> CoreSchema:
    if origin is Literal:
        return core_schema.literal_schema([*parts])
    inner = [_of(part) for part in parts]
    if origin is list:
        return core_schema.list_schema(*inner, strict=True)
    if origin is dict:
        return core_schema.dict_schema(*inner, strict=True)
    return core_schema.union_schema([*inner])


def _hints(shape: Any) -> dict[str, Any]:
    """The type of each field; NotRequired if the field may be left out."""
    plain, marked = get_type_hints(shape), get_type_hints(shape, include_extras=True)
    return {
        name: NotRequired[hint] if not shape.__total__ or get_origin(marked[name]) is NotRequired else hint
        for name, hint in plain.items()
    }


def _fields(hints: Mapping[str, Any], *, closed: bool) -> CoreSchema:
    """A document; a closed one must not have other fields."""
    fields = {}
    for name, hint in hints.items():
        optional = get_origin(hint) is NotRequired
        schema = _of(get_args(hint)[0] if optional else hint)
        fields[name] = core_schema.typed_dict_field(schema, required=not optional)
    return core_schema.typed_dict_schema(fields, extra_behavior="forbid" if closed else "ignore")


def _documents(hints: Mapping[str, Any], *, closed: bool = False) -> SchemaValidator:
    return SchemaValidator(_fields(hints, closed=closed))


CONTRACT: Final = _documents({"_id": bytes, **_hints(ContractState), "lifecycle": Lifecycle}, closed=True)
VERSIONED: Final = _documents(
    {
        "_id": ObjectId,
        "metadata": NotRequired[dict[str, Any]],
        "lifecycle": _fields({"schema_version": int}, closed=False),
    }
)
"""What all schema versions of a stored contract have in common."""


class _Chain(TypedDict):
    start: int
    number: int
    head: bytes
    next: int


_ENTRY: Final = {"partition": int, "offset": int, "outcome": str}
_TEXTS: Final = ("code", "contract_id")
_OPTIONAL: Final = dict.fromkeys(_TEXTS, NotRequired[str]) | {"version": NotRequired[int]}

SEEN: Final = _documents({"_id": bytes, **_ENTRY, **_OPTIONAL})
ENTRY: Final = _documents(
    {
        "_id": bytes,
        **_ENTRY,
        **_OPTIONAL,
        "occurred_at": datetime,
        **dict.fromkeys(("account_id", "type", "source", "command_id", "requested_by"), NotRequired[str]),
        "changes": NotRequired[list[KeptEvent]],
        "number": NotRequired[int],
        **dict.fromkeys(("chain", "details_hash"), NotRequired[bytes]),
    }
)
POSITION: Final = _documents(
    {
        "_id": str,
        "cluster": str,
        "group": str,
        "partitions": int,
        "partitioner": str,
        "generation": int,
        "next": int,
        "last": NotRequired[dict[str, int] | None],
        "tallies": NotRequired[dict[str, int | Decimal]],
        "chain": NotRequired[_Chain | None],
    }
)
SLOT: Final = _documents({"_id": str, "generation": int, "first": int, "next": int, "frames": bytes})


def misfit(shape: SchemaValidator, document: Any) -> str | None:
    """The first mistake in a document, without any of its values; None: it has this shape."""
    try:
        shape.validate_python(document)
    except ValidationError as error:
        return _words(error.errors(include_url=False, include_input=False)[0])
    return None


def _words(detail: ErrorDetails) -> str:
    path = ".".join(map(str, detail["loc"])) or "the document"
    match detail["type"]:
        case "missing":
            return f"{path} is missing"
        case "extra_forbidden":
            return f"{path} is no field of it"
        case _:
            return f"{path} is of another kind"


def check(collection: str, shape: SchemaValidator, document: Mapping[str, Any]) -> None:
    """Raises ForeignDocument if a document of a collection does not have the shape."""
    if why := misfit(shape, document):
        raise ForeignDocument(collection, [(_shown(document["_id"]), why)])


def _shown(name: Any) -> object:
    return name.hex() if isinstance(name, bytes) else name

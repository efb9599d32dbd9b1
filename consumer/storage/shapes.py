"""What documents of the service look like, by the types of their values: all that the program relies on.

Other programs write to the same database, and people edit documents by hand. A document that is not of
this shape is told by name when it is read, before anything is decided or written with it.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, Literal, NotRequired, cast, get_args, get_origin, get_type_hints

from bson import ObjectId
from pydantic_core import SchemaValidator, ValidationError, core_schema

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
    """The shape that a type hint of schemas/contract.py describes, without its limits."""
    if isinstance(hint, dict):
        return cast("CoreSchema", hint)
    if hint in _SCALARS:
        return _SCALARS[hint]
    parts = get_args(hint)
    return _generic(get_origin(hint), parts) if parts else _fields(_hints(hint), closed=True)


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
    """Of each field, the type; of what may be left out, a NotRequired of it."""
    plain, marked = get_type_hints(shape), get_type_hints(shape, include_extras=True)
    return {
        name: NotRequired[hint] if not shape.__total__ or get_origin(marked[name]) is NotRequired else hint
        for name, hint in plain.items()
    }


def _fields(hints: Mapping[str, Any], *, closed: bool) -> CoreSchema:
    """A document; a closed one has no other fields."""
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
"""As much as all versions of a stored contract have in common."""

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
        **dict.fromkeys(
            ("account_id", "type", "source", "command_id", "requested_by", "changes"), NotRequired[str]
        ),
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
    }
)
SLOT: Final = _documents({"_id": str, "generation": int, "first": int, "next": int, "frames": bytes})


def misfit(shape: SchemaValidator, document: Any) -> str | None:
    """What the first mistake is in a document, without any of its values; None: it has that shape."""
    try:
        shape.validate_python(document)
    except ValidationError as error:
        return _words(error.errors(include_url=False, include_input=False)[0])
    return None


def _words(detail: ErrorDetails) -> str:
    place = ".".join(map(str, detail["loc"])) or "the document"
    match detail["type"]:
        case "missing":
            return f"{place} is missing"
        case "extra_forbidden":
            return f"{place} is no field of it"
        case _:
            return f"{place} is of another kind"

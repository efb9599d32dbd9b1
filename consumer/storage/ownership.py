"""Whether the service's collections hold only its own documents: checked before it first writes to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pymongo

from consumer.errors import ForeignDocuments

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    "contracts": {
        "contract_id": "string",
        "account_id": "string",
        "version": "number",
        "lifecycle": "object",
    },
    "former_contracts": {"contract_id": "string", "account_id": "string", "lifecycle": "object"},
    "history": {"partition": "number", "offset": "number", "occurred_at": "date", "outcome": "string"},
    "positions": {"next": "number", "generation": "number"},
    "movements": {"day": "string", "currency": "string", "amounts": "object"},
    "templates": {"effective_from": "date", "content": "string"},
}
"""By collection: the fields, with their types, that each of its documents has."""

_COUNTED: Final = 1_000
_SHOWN: Final = 3


async def refuse_foreign(database: Any, collection: str, seconds: float) -> None:
    """Checks every document.

    Raises:
        ForeignDocuments: some belong to another program.
    """
    foreign = {"$or": [{name: {"$not": {"$type": kind}}} for name, kind in FIELDS[collection].items()]}
    with pymongo.timeout(seconds):
        found = await database[collection].find(foreign, ["_id"]).limit(_COUNTED).to_list(_COUNTED)
    if found:
        count = f"{_COUNTED:,} or more" if len(found) == _COUNTED else str(len(found))
        names = ", ".join(str(document["_id"])[:64] for document in found[:_SHOWN])
        raise ForeignDocuments(
            f"the collection {database.name}.{collection} holds documents that are not of this service "
            f"({count}): {names}{', …' if len(found) > _SHOWN else ''}"
        )

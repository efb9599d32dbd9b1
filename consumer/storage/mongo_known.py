"""Which commands and contract ids are known: read by a batch in its transaction, and by queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from bson import Binary

from consumer.storage.documents import HOLDER_FIELDS, SEEN_FIELDS, seen_from

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from consumer.storage.history import Seen


class Find(Protocol):
    """Returns the documents of a collection with one of these values; an empty list asks nothing."""

    async def __call__(
        self, collection: Any, key: str, values: list[Any], fields: Sequence[str] | None = None
    ) -> list[dict[str, Any]]: ...


async def find_seen(find: Find, database: Any, identities: Collection[bytes]) -> dict[bytes, Seen]:
    """The history entries of those of these commands that have one, by identity."""
    documents = await find(database.history, "_id", [*map(Binary, identities)], SEEN_FIELDS)
    return {bytes(document["_id"]): seen_from(document) for document in documents}


async def find_holders(find: Find, database: Any, contract_ids: Collection[str]) -> dict[str, str]:
    """The accounts that have, or had, contracts with these ids; ids of no account are left out."""
    found: dict[str, str] = {}
    # Current contracts last: if an older version allowed the same id twice, the current contract has it.
    for collection in database.former_contracts, database.contracts:
        documents = await find(collection, "contract_id", [*contract_ids], HOLDER_FIELDS)
        found |= {document["contract_id"]: document.get("account_id", "") for document in documents}
    return found

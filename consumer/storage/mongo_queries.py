"""The questions of readers, statistics and scanner, on MongoDB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, get_args

import orjson
from bson import Binary
from pymongo import ReadPreference
from pymongo.read_concern import ReadConcern

from consumer.domain.statuses import RUNNING
from consumer.errors import ForeignDocument
from consumer.storage import pipelines
from consumer.storage.documents import (
    CODEC,
    HOLDER_FIELDS,
    SEEN_FIELDS,
    contracts_from,
    history_from,
    seen_from,
)
from consumer.storage.mongo_driver import aggregated, timeout_seconds
from consumer.storage.mongo_errors import answered
from consumer.storage.queries import ChangeCount, Due, EndingCount, Revenue
from schemas.types import ContractTypeName, StatusName, parse_instant

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
    from datetime import datetime

    from consumer.storage.mongo_driver import Client
    from consumer.storage.protocols import HistoryEntry, Seen
    from consumer.storage.queries import Ending, EndPlace, Selection
    from schemas.contract import Contract

READ_PREFERENCES: Final = {
    "primary": ReadPreference.PRIMARY,
    "primaryPreferred": ReadPreference.PRIMARY_PREFERRED,
    "secondary": ReadPreference.SECONDARY,
    "secondaryPreferred": ReadPreference.SECONDARY_PREFERRED,
    "nearest": ReadPreference.NEAREST,
}

PATIENT_SECONDS: Final = 600.0
"""How long a question that reads a whole collection may take."""

DUE: Final = "lifecycle.next_action_at"


class MongoQueries:
    """Questions to one database, answered from what a majority has.

    Args:
        client: connected lazily; closing it is the caller's business. Its timeoutMS is the deadline of
            every question but those that read a whole collection.
        database: name of the database.
        read_preference: which members are asked.
    """

    def __init__(self, client: Client, database: str, read_preference: str = "primary") -> None:
        self._db = client.get_database(
            database,
            codec_options=CODEC,
            read_preference=READ_PREFERENCES[read_preference],
            read_concern=ReadConcern("majority"),
        )
        self._seconds = timeout_seconds(client)

    async def contract(self, account_id: str) -> Contract | None:
        return await self._one(self._db.contracts, {"account_id": account_id})

    async def contracts(self, accounts: Collection[str]) -> dict[str, Contract]:
        wanted = {"account_id": {"$in": [*accounts]}}
        found = await self._many(self._db.contracts, wanted, [("account_id", 1)], None)
        return {contract["account_id"]: contract for contract in found}

    async def contract_by_id(self, contract_id: str) -> Contract | None:
        return await self._one(self._db.contracts, {"contract_id": contract_id})

    async def former_by_id(self, contract_id: str) -> Contract | None:
        found = await self._many(self._db.former_contracts, {"contract_id": contract_id}, _LATEST, 1)
        return found[0] if found else None

    async def former_of(self, account_id: str) -> list[Contract]:
        return await self._many(self._db.former_contracts, {"account_id": account_id}, _LATEST, None)

    async def seen(self, identities: Collection[bytes]) -> dict[bytes, Seen]:
        with answered(self._seconds):
            wanted = {"_id": {"$in": [*map(Binary, identities)]}}
            documents = await self._db.history.find(wanted, SEEN_FIELDS).to_list(None)
            return {bytes(document["_id"]): seen_from(document) for document in documents}

    async def holders(self, contract_ids: Collection[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        if not contract_ids:
            return found  # most commands bring no id
        for collection in self._db.former_contracts, self._db.contracts:
            with answered(self._seconds):
                wanted = {"contract_id": {"$in": [*contract_ids]}}
                documents = await collection.find(wanted, HOLDER_FIELDS).to_list(None)
            found |= {document["contract_id"]: document["account_id"] for document in documents}
        return found

    async def page(self, selection: Selection, after: str | None, limit: int) -> list[Contract]:
        wanted = _filter(selection)
        if after is not None:
            wanted["account_id"] = {"$gt": after}
        return await self._many(self._db.contracts, wanted, [("account_id", 1)], limit)

    async def ending(self, ending: Ending, after: EndPlace | None, limit: int) -> list[Contract]:
        order = [("end_date", 1), ("account_id", 1)]
        if after is None:
            return await self._many(self._db.contracts, _ending(ending), order, limit)
        same = {"status": _RUNNING, "end_date": after.end_date, "account_id": {"$gt": after.account_id}}
        found = await self._many(self._db.contracts, same, [("account_id", 1)], limit)
        if len(found) < limit:
            later = _ending(ending._replace(after=max(ending.after, after.end_date)))
            found += await self._many(self._db.contracts, later, order, limit - len(found))
        return found

    async def count_ending(self, ending: Ending) -> int:
        counted = 0
        for status in sorted(RUNNING):
            # One status at a time is a single range of the index, of which a server need only count the keys.
            with answered(self._seconds):
                counted += await self._db.contracts.count_documents({**_ending(ending), "status": status})
        return counted

    async def tallies(self) -> dict[tuple[ContractTypeName, StatusName], int]:
        with answered(self._seconds):
            positions = await self._db.positions.find({}, ["tallies"]).to_list(None)
        counted: dict[tuple[ContractTypeName, StatusName], int] = {}
        for contract_type in get_args(ContractTypeName):
            for status in get_args(StatusName):
                label = f"{contract_type}/{status}"
                counted[contract_type, status] = sum(
                    position.get("tallies", {}).get(label, 0) for position in positions
                )
        return counted

    async def history(
        self, account_id: str, *, after: int | None, before: int | None, newest_first: bool, limit: int
    ) -> list[HistoryEntry]:
        bounds = {"$gt": after, "$lt": before}
        offsets = {operator: bound for operator, bound in bounds.items() if bound is not None}
        wanted = {"account_id": account_id, **({"offset": offsets} if offsets else {})}
        order = [("offset", -1 if newest_first else 1)]
        with answered(self._seconds):
            documents = await self._db.history.find(wanted).sort(order).limit(limit).to_list(limit)
        return [history_from(document) for document in documents]

    async def commands(self, account_id: str, command_id: str, identity: bytes) -> list[HistoryEntry]:
        # Each part has an index: the account's entries are looked through, never the whole history.
        named = {"account_id": account_id, "command_id": command_id}
        with answered(self._seconds):
            documents = await self._db.history.find({"_id": identity}).to_list(1)
            documents += await self._db.history.find(named).to_list(None)
        found = {bytes(document["_id"]): history_from(document) for document in documents}
        return sorted(found.values(), key=lambda entry: entry.offset, reverse=True)

    async def revenue(self, now: datetime) -> list[Revenue]:
        rows = await self._aggregate(self._db.contracts, pipelines.revenue(now))
        if any(row["_id"].keys() != {"type", "currency"} for row in rows):
            raise ForeignDocument("contracts", [("with a status of ours", "has no type or no currency")])
        return [
            Revenue(row["_id"]["type"], row["_id"]["currency"], row["contracts"], row["monthly"])
            for row in rows
        ]

    async def ending_counts(self, now: datetime, windows: Sequence[int]) -> list[EndingCount]:
        rows = await self._aggregate(self._db.contracts, pipelines.ending(now, windows))
        return [EndingCount(row["_id"]["window"], row["_id"]["lapses"], row["contracts"]) for row in rows]

    async def change_counts(self, start: datetime, end: datetime) -> list[ChangeCount]:
        rows = await self._aggregate(self._db.history, pipelines.changes(start, end))
        return [ChangeCount(row["_id"]["change"], row["_id"].get("before"), row["times"]) for row in rows]

    async def running_at(self, moment: datetime) -> int:
        rows = await self._aggregate(self._db.history, pipelines.hidden_since(moment))
        deleted = [row["contract_id"] for row in rows if row["type"] == "delete"]
        idle = [row["contract_id"] for row in rows if row["type"] != "delete" and not _ran(row, moment)]
        runs, ran = pipelines.still_runs(moment), pipelines.ran_at(moment)
        others = {"contract_id": {"$nin": idle}}
        with answered(PATIENT_SECONDS):
            current = await self._db.contracts.count_documents({"$or": [runs, *ran], **others})
            former = await self._db.former_contracts.count_documents(
                {"$or": [{"contract_id": {"$in": deleted}, **runs}, *ran], **others}
            )
        return int(current) + int(former)

    async def due(self, now: datetime, size: int) -> AsyncGenerator[list[Due], None]:
        # One cursor along the index. To query each page again, from a time and an account on, would make
        # the server sort all that is still due for every page.
        fields = {"_id": 0, DUE: 1, "account_id": 1, "contract_id": 1}
        # Without its ids, a damaged contract cannot be addressed; with them, its partition names it.
        due = {DUE: {"$lte": now}, **{name: {"$type": "string"} for name in ("account_id", "contract_id")}}
        cursor = self._db.contracts.find(due, fields, batch_size=size).sort([(DUE, 1)])
        try:
            while page := await self._page(cursor, size):
                yield page
        finally:
            await cursor.close()

    async def _page(self, cursor: Any, size: int) -> list[Due]:
        with answered(self._seconds):
            documents = await cursor.to_list(size)
        return [
            Due(document["lifecycle"]["next_action_at"], document["account_id"], document["contract_id"])
            for document in documents
        ]

    async def partitions(self, topic: str) -> int | None:
        of_topic = {"_id": {"$gte": f"{topic}/", "$lt": f"{topic}0"}}
        with answered(self._seconds):
            position = await self._db.positions.find_one(of_topic, ["partitions"])
        return int(position["partitions"]) if position else None

    async def applied(self, topic: str) -> Mapping[int, int]:
        of_topic = {"_id": {"$gte": f"{topic}/", "$lt": f"{topic}0"}}
        with answered(self._seconds):
            positions = await self._db.positions.find(of_topic, ["next"]).to_list(None)
        return {int(position["_id"].rpartition("/")[2]): position["next"] for position in positions}

    async def _one(self, collection: Any, wanted: Mapping[str, Any]) -> Contract | None:
        with answered(self._seconds):
            document = await collection.find_one(wanted)
            return None if document is None else contracts_from([document], collection.name)[0]

    async def _many(self, collection: Any, wanted: Any, order: Any, limit: int | None) -> list[Contract]:
        found = collection.find(wanted).sort(order)
        with answered(self._seconds):
            documents = await (found.limit(limit) if limit else found).to_list(limit)
            return contracts_from(documents, collection.name)

    async def _aggregate(self, collection: Any, pipeline: Any) -> list[dict[str, Any]]:
        with answered(PATIENT_SECONDS):
            return await aggregated(collection, pipeline)


_LATEST: Final = [("lifecycle.offset", -1)]
_RUNNING: Final = {"$in": sorted(RUNNING)}


def _ran(row: Mapping[str, Any], moment: datetime) -> bool:
    """Whether a contract ran at a moment that was then cancelled as a draft, or renewed after its end."""
    fields = [field for change in orjson.loads(row["changes"]) for field in change.get("fields", ())]
    ends = [field["before"] for field in fields if field["path"] == "/end_date"]
    return row["type"] == "renew" and parse_instant(ends[-1]) > moment


def _filter(selection: Selection) -> dict[str, Any]:
    wanted = {
        "status": selection.status,
        "contract_type": selection.contract_type,
        "external_reference": selection.external_reference,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _ending(ending: Ending) -> dict[str, Any]:
    return {"status": _RUNNING, "end_date": {"$gt": ending.after, "$lte": ending.until}}

"""The queries of readers, statistics and scanner, on MongoDB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, get_args

from pymongo import ReadPreference
from pymongo.read_concern import ReadConcern

from consumer.domain.statuses import RUNNING
from consumer.errors import ForeignDocument, HistoryNotUpgraded
from consumer.storage import movements, pipelines
from consumer.storage.documents import (
    CODEC,
    contracts_from,
    history_from,
)
from consumer.storage.mongo_driver import aggregated, timeout_seconds
from consumer.storage.mongo_due import due_pages
from consumer.storage.mongo_errors import answered
from consumer.storage.mongo_filters import LATEST, RUNS, ends_in, of_topic, selected
from consumer.storage.mongo_known import find_holders, find_seen
from consumer.storage.mongo_revenue import positions_and_movements
from consumer.storage.movements import RevenueMovements
from consumer.storage.queries import AppliedPosition, ChangeCount, Due, EndingCount, MonthEnding, Revenue
from schemas.types import ContractTypeName, StatusName

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
    from datetime import datetime

    from consumer.storage.history import HistoryEntry, Seen
    from consumer.storage.mongo_driver import Client
    from consumer.storage.queries import Ending, EndKey, Selection
    from schemas.contract import Contract

READ_PREFERENCES: Final = {
    "primary": ReadPreference.PRIMARY,
    "primaryPreferred": ReadPreference.PRIMARY_PREFERRED,
    "secondary": ReadPreference.SECONDARY,
    "secondaryPreferred": ReadPreference.SECONDARY_PREFERRED,
    "nearest": ReadPreference.NEAREST,
}

PATIENT_SECONDS: Final = 600.0
"""Maximum time of a query that reads a whole collection."""


class MongoQueries:
    """Queries on one database. They read what a majority of its members has.

    Args:
        client: connected lazily; the caller closes it. Its timeoutMS is the maximum time of every query,
            except of those that read a whole collection.
        database: name of the database.
        read_preference: the members that queries read from.
    """

    def __init__(self, client: Client, database: str, read_preference: str = "primary") -> None:
        self._db = client.get_database(
            database,
            codec_options=CODEC,
            read_preference=READ_PREFERENCES[read_preference],
            read_concern=ReadConcern("majority"),
        )
        self._client = client
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
        found = await self._many(self._db.former_contracts, {"contract_id": contract_id}, LATEST, 1)
        return found[0] if found else None

    async def former_of(self, account_id: str) -> list[Contract]:
        return await self._many(self._db.former_contracts, {"account_id": account_id}, LATEST, None)

    async def seen(self, identities: Collection[bytes]) -> dict[bytes, Seen]:
        return await find_seen(self._find, self._db, identities)

    async def holders(self, contract_ids: Collection[str]) -> dict[str, str]:
        return await find_holders(self._find, self._db, contract_ids)

    async def page(self, selection: Selection, after: str | None, limit: int) -> list[Contract]:
        wanted = selected(selection)
        if after is not None:
            wanted["account_id"] = {"$gt": after}
        return await self._many(self._db.contracts, wanted, [("account_id", 1)], limit)

    async def ending(self, ending: Ending, after: EndKey | None, limit: int) -> list[Contract]:
        order = [("end_date", 1), ("account_id", 1)]
        if after is None:
            return await self._many(self._db.contracts, ends_in(ending), order, limit)
        same = {"status": RUNS, "end_date": after.end_date, "account_id": {"$gt": after.account_id}}
        found = await self._many(self._db.contracts, same, [("account_id", 1)], limit)
        if len(found) < limit:
            later = ends_in(ending._replace(after=max(ending.after, after.end_date)))
            found += await self._many(self._db.contracts, later, order, limit - len(found))
        return found

    async def count_ending(self, ending: Ending) -> int:
        counted = 0
        for status in sorted(RUNNING):
            # One status at a time is a single range of the index: the server counts its keys and reads no
            # document.
            with answered(self._seconds):
                counted += await self._db.contracts.count_documents({**ends_in(ending), "status": status})
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
        # Each branch has an index: the account's entries are read, never the whole history.
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

    async def movements(self, since: str) -> RevenueMovements:
        positions, documents = await positions_and_movements(
            self._client, self._db, PATIENT_SECONDS, movements.since(since)
        )
        return RevenueMovements(movements.revenue_of(positions), [*map(movements.tallied_from, documents)])

    async def ending_counts(self, now: datetime, windows: Sequence[int]) -> list[EndingCount]:
        rows = await self._aggregate(self._db.contracts, pipelines.ending(now, windows))
        return [EndingCount(row["_id"]["window"], row["_id"]["lapses"], row["contracts"]) for row in rows]

    async def ending_months(self, ending: Ending) -> list[MonthEnding]:
        rows = await self._aggregate(self._db.contracts, pipelines.ending_months(*ending))
        return [MonthEnding(**row["_id"], contracts=row["contracts"], monthly=row["monthly"]) for row in rows]

    async def change_counts(self, start: datetime, end: datetime) -> list[ChangeCount]:
        rows = await self._aggregate(self._db.history, pipelines.changes(start, end))
        if any(not row["_id"].get("change") for row in rows):
            raise HistoryNotUpgraded
        return [ChangeCount(row["_id"]["change"], row["_id"].get("before"), row["times"]) for row in rows]

    async def running_at(self, moment: datetime) -> int:
        rows = await self._aggregate(self._db.history, pipelines.hidden_since(moment))
        if any(row["type"] != "delete" and isinstance(row["changes"], str) for row in rows):
            raise HistoryNotUpgraded
        deleted = [row["contract_id"] for row in rows if row["type"] == "delete"]
        idle = [
            row["contract_id"] for row in rows if row["type"] != "delete" and not pipelines.ran(row, moment)
        ]
        runs, ran = pipelines.still_runs(moment), pipelines.ran_at(moment)
        others = {"contract_id": {"$nin": idle}}
        with answered(PATIENT_SECONDS):
            current = await self._db.contracts.count_documents({"$or": [runs, *ran], **others})
            former = await self._db.former_contracts.count_documents(
                {"$or": [{"contract_id": {"$in": deleted}, **runs}, *ran], **others}
            )
        return int(current) + int(former)

    def due(self, now: datetime, size: int) -> AsyncGenerator[list[Due], None]:
        return due_pages(self._db.contracts, now, size, self._seconds)

    async def partitions(self, topic: str) -> int | None:
        with answered(self._seconds):
            position = await self._db.positions.find_one(of_topic(topic), ["partitions"])
        return int(position["partitions"]) if position else None

    async def applied(self, topic: str) -> Mapping[int, AppliedPosition]:
        with answered(self._seconds):
            found = await self._db.positions.find(of_topic(topic), ["generation", "next"]).to_list(None)
        return {
            int(each["_id"].rpartition("/")[2]): AppliedPosition(each["generation"], each["next"])
            for each in found
        }

    async def _one(self, collection: Any, wanted: Mapping[str, Any]) -> Contract | None:
        with answered(self._seconds):
            document = await collection.find_one(wanted)
            return None if document is None else contracts_from([document], collection.name)[0]

    async def _find(
        self, collection: Any, key: str, values: list[Any], fields: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        if not values:
            return []
        with answered(self._seconds):
            found: list[dict[str, Any]] = await collection.find({key: {"$in": values}}, fields).to_list(None)
        return found

    async def _many(self, collection: Any, wanted: Any, order: Any, limit: int | None) -> list[Contract]:
        found = collection.find(wanted).sort(order)
        with answered(self._seconds):
            documents = await (found.limit(limit) if limit else found).to_list(limit)
            return contracts_from(documents, collection.name)

    async def _aggregate(self, collection: Any, pipeline: Any) -> list[dict[str, Any]]:
        with answered(PATIENT_SECONDS):
            return await aggregated(collection, pipeline)

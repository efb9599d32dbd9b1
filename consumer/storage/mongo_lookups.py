"""Searches that people make: a contract by a tag or an e-mail address, a command by its id only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from pymongo.read_concern import ReadConcern

from consumer.storage.documents import CODEC, contracts_from, history_from
from consumer.storage.mongo_driver import aggregated, timeout_seconds
from consumer.storage.mongo_errors import answered
from consumer.storage.mongo_filters import of_topic

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from consumer.storage.history import HistoryEntry
    from consumer.storage.mongo_driver import Client
    from schemas.contract import Contract

EMAILS: Final = ("primary_contact.email", "billing_contact.email")

SCANNED: Final = 100_000
"""Number of the newest history entries in which a command is searched for. An index on command ids would add
a write to every command, for a search that is seldom made."""

_BACKWARDS: Final = {"$natural": -1}
"""In the reverse order of writing, which needs no index and no sorting."""


class Lookups(Protocol):
    """Queries without an account. Every one may raise ServiceUnavailable."""

    async def tagged(self, tag: str, limit: int) -> list[Contract]:
        """Current contracts with this tag, by account id. It reads all contracts."""

    async def with_email(self, address: str, limit: int) -> list[Contract]:
        """Current contracts with exactly this address for a contact, by account id."""

    async def newest(self, limit: int) -> list[HistoryEntry]:
        """The newest history entries of all accounts, the latest first."""

    async def command(self, command_id: str, limit: int) -> list[HistoryEntry]:
        """Those of the newest SCANNED history entries that have this command id, the latest first."""

    async def owners(self, topic: str) -> dict[int, str]:
        """Who works on each partition of the topic; those that nobody works on are left out."""


class MongoLookups:
    """Lookups in one database. The primary answers them from what a majority of the members has.

    Args:
        client: connected lazily; the caller closes it.
        database: name of the database.
    """

    def __init__(self, client: Client, database: str) -> None:
        self._db = client.get_database(database, codec_options=CODEC, read_concern=ReadConcern("majority"))
        self._seconds = timeout_seconds(client)

    async def tagged(self, tag: str, limit: int) -> list[Contract]:
        # No index helps: one on a list makes transactions side by side conflict on the embedded servers.
        return await self._contracts({"tags": tag}, limit)

    async def with_email(self, address: str, limit: int) -> list[Contract]:
        return await self._contracts({"$or": [{field: address} for field in EMAILS]}, limit)

    async def newest(self, limit: int) -> list[HistoryEntry]:
        with answered(self._seconds):
            documents = await self._db.history.find().sort([*_BACKWARDS.items()]).limit(limit).to_list(limit)
        return _newest_first(documents)

    async def command(self, command_id: str, limit: int) -> list[HistoryEntry]:
        looked_at = [{"$limit": SCANNED}, {"$match": {"command_id": command_id}}, {"$limit": limit}]
        with answered(self._seconds):
            documents = await aggregated(self._db.history, looked_at, hint=_BACKWARDS)
        return _newest_first(documents)

    async def owners(self, topic: str) -> dict[int, str]:
        owned = of_topic(topic) | {"owner": {"$type": "string"}}
        with answered(self._seconds):
            found = await self._db.positions.find(owned, ["owner"]).to_list(None)
        return {int(each["_id"].rpartition("/")[2]): each["owner"] for each in found}

    async def _contracts(self, wanted: Mapping[str, Any], limit: int) -> list[Contract]:
        with answered(self._seconds):
            found = self._db.contracts.find(wanted).sort([("account_id", 1)]).limit(limit)
            return contracts_from(await found.to_list(limit), "contracts")


def _newest_first(documents: Iterable[Mapping[str, Any]]) -> list[HistoryEntry]:
    """Records of one transaction are written in any order."""
    found = map(history_from, documents)
    return sorted(found, key=lambda entry: (entry.occurred_at, entry.offset), reverse=True)

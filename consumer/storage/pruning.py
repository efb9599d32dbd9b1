"""Removes the details from old history entries, and keeps what the service needs forever.

Kept are identity, offset, time, outcome and the hash of the content, and the hash of what is removed, which
proves the rest. So a command that is sent again is a
duplicate however old the first one is, and a replay of the log, in which all entries are old when they are
written, gives the same outcomes. A TTL index, or removing whole entries, would break both.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from pymongo import UpdateOne

from consumer.storage.chain import RAW, stored_entry
from consumer.storage.documents import DETAILS
from consumer.storage.mongo_driver import timeout_seconds
from consumer.storage.mongo_errors import answered

if TYPE_CHECKING:
    from collections.abc import Callable

    from bson.raw_bson import RawBSONDocument

    from consumer.storage.mongo_driver import Client

CHUNK: Final = 1_000
RUN_SECONDS: Final = 20.0
"""Maximum time of one run: a large backlog must not delay the scanner. The rest waits for the next run."""


class HistoryPruner:
    """Prunes history entries of records that are older than `days`.

    Args:
        client: connected lazily.
        database: name of the database.
        days: how long entries are kept whole; None: forever.
        clock: aware UTC.
    """

    def __init__(
        self,
        client: Client,
        database: str,
        days: int | None,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._history: Any = client.get_database(database, codec_options=RAW).history
        self._seconds = timeout_seconds(client)
        self._days = days
        self._clock = clock

    async def run_once(self) -> int:
        """Prunes old entries and returns their number. Two processes may do this at the same time.

        Raises:
            ServiceUnavailable: the next run prunes the rest.
        """
        if self._days is None:
            return 0
        old = {"$lt": self._clock() - timedelta(days=self._days)}
        ends, stripped, found = monotonic() + RUN_SECONDS, 0, CHUNK
        while found == CHUNK and monotonic() < ends:
            found = await self._strip({"occurred_at": old, "account_id": {"$exists": True}})
            stripped += found
        return stripped

    async def _strip(self, wanted: dict[str, object]) -> int:
        with answered(self._seconds):
            found = await self._history.find(wanted).limit(CHUNK).to_list(CHUNK)
            if found:
                await self._history.bulk_write([*map(_stripped, found)], ordered=False)
        return len(found)


def _stripped(document: RawBSONDocument) -> UpdateOne:
    entry = stored_entry(bytes(document.raw))
    change: dict[str, Any] = {"$unset": dict.fromkeys(DETAILS, "")}
    if entry.chain is not None:
        change["$set"] = {"details_hash": entry.hash_of_details}
    # If another process has pruned or erased it meanwhile, its details hash is the same.
    return UpdateOne({"_id": document["_id"]}, change)

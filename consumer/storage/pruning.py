"""Removes the details from old history entries, and keeps what the service needs forever.

Kept are identity, offset, time, outcome and the hash of the content. So a command that is sent again is a
duplicate however old the first one is, and a replay of the log, in which all entries are old when they are
written, gives the same outcomes. A TTL index, or removing whole entries, would break both.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Final

from consumer.storage.mongo_driver import timeout_seconds
from consumer.storage.mongo_errors import answered

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.storage.mongo_driver import Client

TOLD: Final = ("account_id", "type", "source", "command_id", "requested_by", "changes")
"""The fields that are removed. Without the account, readers no longer find the entry."""

CHUNK: Final = 1_000
RUN_SECONDS: Final = 20.0
"""Maximum time of one run: a large backlog must not delay the scanner. The rest waits for the next run."""


class HistoryPruner:
    """Strips the entries of records that are older than so many days.

    Args:
        client: connected lazily.
        database: name of the database.
        days: how long entries stay whole; None: forever.
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
        self._history = client.get_database(database).history
        self._seconds = timeout_seconds(client)
        self._days = days
        self._clock = clock

    async def run_once(self) -> int:
        """Strips what is old, and returns how many entries it was. Two at once do no harm.

        Raises:
            ServiceUnavailable: the next run does what was left undone.
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
            found = await self._history.find(wanted, ["_id"]).limit(CHUNK).to_list(CHUNK)
            names = [entry["_id"] for entry in found]
            await self._history.update_many({"_id": {"$in": names}}, {"$unset": dict.fromkeys(TOLD, "")})
        return len(names)

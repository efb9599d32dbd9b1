"""Leases: one of several processes is active; another takes over when it stops renewing its lease."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pymongo import WriteConcern
from pymongo.errors import DuplicateKeyError

from consumer.storage.mongo_driver import timeout_seconds
from consumer.storage.mongo_errors import answered

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.storage.mongo_driver import Client


class MongoLease:
    """A document in `leases` with the name of its holder and the time until which it holds.

    It only avoids double work: clocks differ, and a holder may be paused until after the end of its lease. So
    the work must be harmless when two processes do it.

    Args:
        client: connected lazily.
        database: name of the database.
        name: of the lease.
        owner: a name that no other process has.
        seconds: how long a holder keeps it without renewing it.
        clock: aware UTC.
    """

    def __init__(
        self,
        client: Client,
        database: str,
        name: str,
        owner: str,
        *,
        seconds: float,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._leases = client.get_database(database).get_collection(
            "leases", write_concern=WriteConcern("majority")
        )
        self._name = name
        self._owner = owner
        self._length = timedelta(seconds=seconds)
        self._clock = clock
        self._timeout = timeout_seconds(client)

    async def hold(self) -> bool:
        """Takes or renews the lease; False: another process has it.

        Raises:
            ServiceUnavailable: it is not known who has it.
        """
        now = self._clock()
        # Longer than any lease: the clock of its holder was wrong, and the holder may have ended.
        absurd = now + 2 * self._length
        free = {"$or": [{"owner": self._owner}, {"until": {"$lt": now}}, {"until": {"$gt": absurd}}]}
        mine = {"$set": {"owner": self._owner, "until": now + self._length}}
        with answered(self._timeout):
            try:
                await self._leases.update_one({"_id": self._name, **free}, mine, upsert=True)
            except DuplicateKeyError:
                return False
        return True

    async def release(self) -> None:
        """Ends the lease, so that another process takes over at once.

        Raises:
            ServiceUnavailable: another process must wait until the end of the lease.
        """
        with answered(self._timeout):
            await self._leases.delete_one({"_id": self._name, "owner": self._owner})

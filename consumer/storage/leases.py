"""Leases: one of several processes is active, and another takes over when it falls silent."""

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
    """A document in `leases` that names its holder and until when.

    It saves work and guarantees nothing: clocks differ, and a holder may be paused past its end. So
    what it guards must be harmless when done twice.

    Args:
        client: connected lazily.
        database: name of the database.
        name: of the lease.
        owner: of this process, unlike any other's.
        seconds: how long a silent holder keeps it.
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
        """Takes or renews the lease; False: somebody else has it.

        Raises:
            ServiceUnavailable: nobody says.
        """
        now = self._clock()
        # Further ahead than any lease lasts: its holder's clock was wrong, and it may be long gone.
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
        """Lets another take over at once.

        Raises:
            ServiceUnavailable: it stays until its end.
        """
        with answered(self._timeout):
            await self._leases.delete_one({"_id": self._name, "owner": self._owner})

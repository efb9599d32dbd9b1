"""Reads the history in the order of its chains, page by page, as the bytes that are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pymongo import ReadPreference
from pymongo.read_concern import ReadConcern

from consumer.domain.commands.table import ERASING
from consumer.storage.chain import RAW
from consumer.storage.documents import CODEC
from consumer.storage.mongo_errors import answered
from consumer.storage.mongo_filters import of_topic
from consumer.storage.paging import SECONDS, next_page
from consumer.storage.position_documents import position_from

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

    from consumer.storage.mongo_driver import Client, Session
    from consumer.storage.protocols import Position


class ChainPages:
    """What `contracts history verify` reads. Every method may raise ServiceUnavailable.

    Args:
        client: connected lazily.
        database: name of the database.
        topic: of the commands.
    """

    def __init__(self, client: Client, database: str, topic: str) -> None:
        options: Any = {"read_preference": ReadPreference.PRIMARY, "read_concern": ReadConcern("majority")}
        self._positions = client.get_database(database, codec_options=CODEC, **options).positions
        self._history: Any = client.get_database(database, codec_options=RAW, **options).history
        self._topic = topic

    async def positions(self) -> dict[int, Position]:
        """The position of each partition."""
        with answered(SECONDS):
            found = await self._positions.find(of_topic(self._topic), {"outbox": False}).to_list(None)
        positions = map(position_from, found)
        return {position.topic_partition[1]: position for position in positions}

    async def entries(
        self, partition: int, start: int, end: int, session: Session | None = None
    ) -> AsyncIterator[list[Any]]:
        """The partition's entries with sequence numbers from `start` to `end`, without it, by page."""
        read, last = list[Any](), False
        while not last:
            # Several entries may have the same number: the service writes none, but others may have.
            wanted = {"partition": partition, "offset": {"$gte": start, "$lt": end}}
            page, last = await next_page(self._history, wanted, _ORDER, read=read, session=session)
            if page:
                yield page
                before, start = start, page[-1]["offset"]
                same = [each["_id"] for each in page if each["offset"] == start]
                read = same if start > before else read + same

    async def count_before(self, partition: int, start: int) -> int:
        """How many entries have a lower sequence number."""
        with answered(SECONDS):
            count: int = await self._history.count_documents(
                {"partition": partition, "offset": {"$lt": start}}
            )
        return count

    async def last(self, partition: int) -> int | None:
        """The highest sequence number of an entry."""
        with answered(SECONDS):
            found = await self._history.find({"partition": partition}).sort(_BACKWARDS).limit(1).to_list(1)
        return found[0]["offset"] if found else None

    async def outside(self, partitions: Collection[int]) -> str | None:
        """The id of an entry that belongs to none of these partitions; None: there is none."""
        with answered(SECONDS):
            found = await self._history.find_one({"partition": {"$nin": [*partitions]}})
        return None if found is None else str(found["_id"])

    async def was_erased(self, account: str) -> bool:
        """Whether the history has a command that erased the account."""
        erasing = {"account_id": account, "type": {"$in": [*ERASING]}, "outcome": "applied"}
        with answered(SECONDS):
            return await self._history.find_one(erasing) is not None


_ORDER: Final = [("partition", 1), ("offset", 1)]
_BACKWARDS: Final = [("partition", -1), ("offset", -1)]

"""Converts the history entries of version 0.1, whose changes are text: statistics read only fields.

Everything else reads both (`history_text.py`), so the service can run before and during the conversion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pymongo import UpdateOne, WriteConcern

from consumer.errors import ForeignDocument
from consumer.storage.documents import CODEC
from consumer.storage.history_text import upcast_entry
from consumer.storage.mongo_driver import timeout_seconds
from consumer.storage.mongo_errors import answered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from consumer.storage.mongo_driver import Client

CHUNK: Final = 500
"""Number of entries in one query. Most are smaller than a kilobyte, the largest a few hundred."""


class HistoryUpgrade:
    """Reads the history once, in the order of `_id`, and converts each entry whose changes are text.

    It can be interrupted and started again at any time, run several times at once, and while the service
    runs: an entry that was erased or pruned meanwhile has no text any more, and is not changed.

    Args:
        client: connected lazily.
        database: name of the database.
    """

    def __init__(self, client: Client, database: str) -> None:
        self._history = client.get_database(
            database, codec_options=CODEC, write_concern=WriteConcern("majority")
        ).history
        self._seconds = timeout_seconds(client)

    async def run(self, report: Callable[[int], object] = lambda _: None) -> int:
        """Converts all entries, and returns how many. `report` gets the number of entries of each chunk.

        Raises:
            ServiceUnavailable: run it again.
            ForeignDocument: some are not history entries; it names them. All others were converted.
        """
        rewritten = 0
        misfits: list[tuple[object, str]] = []
        after: dict[str, Any] = {}
        while found := await self._chunk(after):
            upcast = [upcast_entry(entry) for entry in found if _is_text(entry)]
            misfits += [
                (entry["_id"].hex(), "changes is of another kind") for entry in upcast if _is_text(entry)
            ]
            rewritten += await self._write([entry for entry in upcast if not _is_text(entry)])
            report(len(found))
            after = {"_id": {"$gt": found[-1]["_id"]}}
        if misfits:
            raise ForeignDocument("history", misfits)
        return rewritten

    async def _chunk(self, after: Mapping[str, Any]) -> list[dict[str, Any]]:
        # Also entries without text: to search for the last one with text could take longer than the timeout.
        with answered(self._seconds):
            found = self._history.find(after, ["changes"]).sort([("_id", 1)]).limit(CHUNK)
            return [*await found.to_list(CHUNK)]

    async def _write(self, entries: Sequence[Mapping[str, Any]]) -> int:
        updates = [
            UpdateOne(
                {"_id": entry["_id"], "changes": {"$type": "string"}},
                {"$set": {"changes": entry["changes"]}},
            )
            for entry in entries
        ]
        if not updates:
            return 0
        with answered(self._seconds):
            result = await self._history.bulk_write(updates, ordered=False)
        return int(result.modified_count)


def _is_text(entry: Mapping[str, Any]) -> bool:
    return isinstance(entry.get("changes"), str)

"""MongoDB's own commands within one transaction: update, delete and insert of many documents at once.

The driver's helpers make and check an object for every operation, which takes a tenth of a batch's time. Its
`command` sends a prepared message, so the other work of the helpers is done here: errors of single documents,
and documents that are too large for the server. It is not used for reads: the driver applies the codec of
this package only to answers of `find`, and would return money as Decimal128.
"""

from __future__ import annotations

from itertools import accumulate, groupby
from typing import TYPE_CHECKING, Any, Final

import bson
from pymongo.errors import BulkWriteError, ConnectionFailure, DocumentTooLarge, OperationFailure

from consumer.errors import BatchTooLarge
from consumer.storage.documents import CODEC

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_DOCUMENT_BYTES: Final = 16 << 20
MAX_MESSAGE_BYTES: Final = 48_000_000
"""The maximum size of a message; the server closes the connection if it is exceeded.

The largest batch is far below: 1,000 commands, whose contracts have 64 KiB at most and usually 2, and as
many outputs as CONTRACTS_MAX_BATCH_BYTES allows (see `parted` for those of many partitions). The number of
operations is limited to 100,000. A batch that is larger raises BatchTooLarge.
"""


class MongoCommands:
    """Database commands of one transaction. They raise the driver's errors, and BatchTooLarge.

    Args:
        database: the driver's.
        session: with an open transaction.
    """

    def __init__(self, database: Any, session: Any) -> None:
        self._database = database
        self._session = session

    async def update(self, collection: str, statements: Sequence[Mapping[str, Any]]) -> int:
        """Executes {q: filter, u: update} statements; returns the number of documents that matched."""
        return await self._write("update", "updates", collection, statements)

    async def delete(self, collection: str, statements: Sequence[Mapping[str, Any]]) -> int:
        """Executes {q: filter, limit: 1} statements; returns the number of deleted documents."""
        return await self._write("delete", "deletes", collection, statements)

    async def insert(self, collection: str, documents: Sequence[Mapping[str, Any]]) -> None:
        """Inserts all of them."""
        await self._write("insert", "documents", collection, documents)

    async def _write(self, name: str, of: str, collection: str, parts: Sequence[Mapping[str, Any]]) -> int:
        if not parts:
            return 0
        try:
            reply = await self._send({name: collection, of: parts})
        except (OperationFailure, ConnectionFailure) as error:
            _check_sizes(parts, error)
            raise
        if reply.get("writeErrors"):
            raise BulkWriteError(dict(reply))
        return int(reply["n"])

    async def _send(self, command: Mapping[str, Any]) -> Mapping[str, Any]:
        reply: Mapping[str, Any] = await self._database.command(
            command, codec_options=CODEC, session=self._session
        )
        return reply


def parted(sized: Sequence[tuple[int, Mapping[str, Any]]], most: int) -> list[list[Mapping[str, Any]]]:
    """Divides statements of these sizes into few parts; after its first statement, at most `most` bytes."""
    ends = accumulate(size for size, _ in sized)
    numbered = groupby(zip(ends, sized, strict=True), key=lambda each: each[0] // most)
    return [[statement for _, (_, statement) in part] for _, part in numbered]


def _check_sizes(parts: Sequence[Mapping[str, Any]], error: Exception) -> None:
    """Whether the server refused the write because of its size. Measured only then, because it takes time."""
    sizes = [len(bson.encode(part, codec_options=CODEC)) for part in parts]
    if max(sizes) > MAX_DOCUMENT_BYTES:
        raise DocumentTooLarge(f"a document of {max(sizes)} bytes") from error
    if sum(sizes) > MAX_MESSAGE_BYTES:
        raise BatchTooLarge(f"{sum(sizes)} bytes for one message to MongoDB") from error

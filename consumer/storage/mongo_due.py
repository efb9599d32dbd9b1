"""What is due, as the scanner reads it from MongoDB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from consumer.storage.mongo_errors import answered
from consumer.storage.queries import Due

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from datetime import datetime

DUE: Final = "lifecycle.next_action_at"


async def due_pages(
    contracts: Any, now: datetime, size: int, seconds: float | None
) -> AsyncGenerator[list[Due], None]:
    """Pages of due contracts; the answer to each page may take `seconds`."""
    # One cursor along the index. A new query for each page, from a time and an account on, would make the
    # server sort everything that is still due for every page.
    fields = {"_id": 0, DUE: 1, "account_id": 1, "contract_id": 1}
    # Without its ids, a damaged contract cannot get a command; with them, its partition reports it.
    due = {DUE: {"$lte": now}, **{name: {"$type": "string"} for name in ("account_id", "contract_id")}}
    cursor = contracts.find(due, fields, batch_size=size).sort([(DUE, 1)])
    try:
        while page := await _page(cursor, size, seconds):
            yield page
    finally:
        await cursor.close()


async def _page(cursor: Any, size: int, seconds: float | None) -> list[Due]:
    with answered(seconds):
        documents = await cursor.to_list(size)
    return [
        Due(document["lifecycle"]["next_action_at"], document["account_id"], document["contract_id"])
        for document in documents
    ]

"""Reads positions and the movements of revenue as they are at one moment.

What a batch moves is in the tallies of the positions and in the movements, or in neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pymongo.read_concern import ReadConcern

from consumer.storage import movements
from consumer.storage.mongo_driver import start_session, start_transaction
from consumer.storage.mongo_errors import answered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consumer.storage.mongo_driver import Client

_WITHOUT_OUTBOX: Final = {"outbox": False}


async def positions_and_movements(
    client: Client, database: Any, seconds: float, selection: Mapping[str, Any] | None = None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """All positions, without outboxes, and the movements that are selected by `selection`; None: all of them.

    Raises:
        ServiceUnavailable: MongoDB does not answer within `seconds`.
    """
    session = await start_session(client)
    try:
        with answered(seconds):
            await start_transaction(session, ReadConcern("snapshot"))
            positions = await database.positions.find({}, _WITHOUT_OUTBOX, session=session).to_list(None)
            found = await database[movements.COLLECTION].find(selection or {}, session=session).to_list(None)
            await session.commit_transaction()
    finally:
        await session.end_session()
    return positions, found

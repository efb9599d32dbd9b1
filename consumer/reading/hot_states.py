"""Keeps the cache current from `contracts.state`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import orjson
import structlog

from consumer.errors import ContractsError
from consumer.kafka.tail import tail
from schemas.contract import to_json
from schemas.topics import STATE

if TYPE_CHECKING:
    from typing import Any

    from consumer.reading.hot import HotContracts
    from consumer.settings import Settings

log = structlog.get_logger()

PAUSE_SECONDS: Final = 5.0


async def follow_states(settings: Settings, hot: HotContracts) -> None:
    """Runs until cancelled. Entries that miss a change while Kafka does not answer soon become too old."""
    try:
        while True:
            try:
                async with tail(settings, [STATE]) as states:
                    await states.seek_to_end()
                    async for record in states.endlessly():
                        await _take(record, hot)
            except ContractsError as error:
                log.warning("the cache is not being updated", error=str(error), hint=error.hint)
            await asyncio.sleep(PAUSE_SECONDS)
    finally:
        await hot.close()


async def _take(record: Any, hot: HotContracts) -> None:
    position = dict(record.headers).get("ce_sequence")
    if position is None:  # not the service's
        return
    contract = None if record.value is None else to_json(orjson.loads(record.value)["contract"])
    await hot.newer(record.key.decode(), position.decode(), contract)

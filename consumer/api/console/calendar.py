"""The calendar of renewals and expiries: as a page, as CSV for spreadsheets, as a calendar file."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, cast

import structlog
from starlette.responses import StreamingResponse

from consumer.api.console.drawn import months_of
from consumer.api.console.letters import days_of
from consumer.api.shown import shown_contract
from consumer.errors import ContractsError
from consumer.reading.calendar import all_ending, calendar
from consumer.reading.export import ending_table

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.responses import Response

    from consumer.api.console.rendering import Pages
    from consumer.api.tokens import Caller
    from consumer.reading.reader import ContractReader
    from consumer.reading.statistics import ContractStatistics
    from consumer.reading.views import ExpiringContract
    from schemas.contract import ContractState

log = structlog.get_logger()

DAYS: Final = 90
MOST_DAYS: Final = 3_650
SHOWN: Final = 500


class CalendarPages:
    """Pages and files about terms that end soon."""

    def __init__(self, reader: ContractReader, statistics: ContractStatistics, pages: Pages) -> None:
        self._reader = reader
        self._statistics = statistics
        self._pages = pages

    async def months(self, request: Request) -> Response:
        """The page: contracts by month, and the fees of those that lapse."""
        days = days_of(request, DAYS, MOST_DAYS)
        page = await self._reader.expiring(days, limit=SHOWN)
        return self._pages.show(
            request,
            "calendar.html",
            days=days,
            months=months_of(await self._statistics.ending_months(days), page.items),
            more=page.next is not None,
            shown=SHOWN,
        )

    async def table(self, request: Request) -> Response:
        """All contracts as CSV. Text that a spreadsheet would run as a formula has a quote before it."""
        rows = ending_table(await self._all(request), spreadsheet_safe=True)
        return _file(rows, "text/csv; charset=utf-8", "expiring.csv")

    async def events(self, request: Request) -> Response:
        """All contracts as a calendar file (RFC 5545)."""
        parts = calendar(await self._all(request), datetime.now(UTC))
        return _file(parts, "text/calendar; charset=utf-8", "expiring.ics")

    async def _all(self, request: Request) -> AsyncIterator[ExpiringContract]:
        """All contracts. An error here is shown on a page; a later one breaks off the download."""
        caller: Caller = request.state.caller
        contracts = _shown(all_ending(self._reader, days_of(request, DAYS, MOST_DAYS)), caller)
        first = await anext(contracts, None)

        async def rows() -> AsyncIterator[ExpiringContract]:
            if first is not None:
                yield first
            try:
                async for each in contracts:
                    yield each
            except ContractsError as error:
                log.warning("a download was cut off", path=request.url.path, error=str(error))
                raise

        return rows()


async def _shown(
    contracts: AsyncIterator[ExpiringContract], caller: Caller
) -> AsyncIterator[ExpiringContract]:
    """The contract without the fields that this caller may not see."""
    async for each in contracts:
        yield replace(each, contract=cast("ContractState", shown_contract(each.contract, caller)))


def _file(parts: AsyncIterator[str] | AsyncIterator[bytes], media_type: str, name: str) -> Response:
    disposition = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(parts, headers=disposition, media_type=media_type)

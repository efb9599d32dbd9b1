"""End points for lists: contracts, expiring contracts, history, statistics."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Query
from starlette.responses import Response

from consumer.api.auth import Asking
from consumer.api.log import AtLeast
from consumer.api.problems import Problem
from consumer.api.reads import AccountPath, document
from consumer.api.shown import shown_contract, shown_item, withheld
from schemas.types import ContractTypeName, Instant, Reference, StatusName

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from consumer.api.log import Progress
    from consumer.reading.reader import ContractReader
    from consumer.reading.statistics import ContractStatistics

MAX_PAGE = 1_000

Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="Maximum number of entries.")]
After = Annotated[str | None, Query(max_length=1_000, description="`next` of the previous page.")]


class Listings:
    """End points that return lists and figures.

    Args:
        reader: of contracts.
        statistics: of contracts.
        progress: the positions that the database has reached.
    """

    def __init__(self, reader: ContractReader, statistics: ContractStatistics, progress: Progress) -> None:
        self._reader = reader
        self._statistics = statistics
        self._progress = progress

    async def contracts(
        self,
        caller: Asking,
        status: StatusName | None = None,
        contract_type: ContractTypeName | None = None,
        external_reference: Reference | None = None,
        limit: Limit = 100,
        after: After = None,
        at_least: AtLeast = None,
    ) -> Response:
        """Current contracts that match all given parameters, sorted by account id."""
        headers = await self._progress.reached(at_least)
        page = await self._reader.find(
            status=status,
            contract_type=contract_type,
            external_reference=external_reference,
            after=after,
            limit=limit,
        )
        return _page([shown_contract(each, caller) for each in page.items], page.next, caller, headers)

    async def expiring(
        self,
        caller: Asking,
        within_days: Annotated[int, Query(ge=0, le=36_500, description="Number of days to look ahead.")] = 30,
        limit: Limit = 100,
        after: After = None,
        at_least: AtLeast = None,
    ) -> Response:
        """Contracts whose term ends soon, earliest first, and whether each renews or lapses."""
        headers = await self._progress.reached(at_least)
        page = await self._reader.expiring(within_days, after=after, limit=limit)
        rows = [
            {
                "contract": shown_contract(each.contract, caller),
                "days_left": each.days_left,
                "action": each.action,
                "reason": each.reason,
            }
            for each in page.items
        ]
        return _page(rows, page.next, caller, headers)

    async def history(
        self,
        account_id: AccountPath,
        caller: Asking,
        oldest_first: Annotated[bool, Query(description="Show the oldest entries first.")] = False,  # noqa: FBT002
        limit: Limit = 100,
        after: After = None,
        at_least: AtLeast = None,
    ) -> Response:
        """The history of an account: each command with its outcome and its changes."""
        headers = await self._progress.reached(at_least, account_id)
        page = await self._reader.history(account_id, newest_first=not oldest_first, after=after, limit=limit)
        return _page([shown_item(each, caller) for each in page.items], page.next, caller, headers)

    async def statistics(
        self,
        start: Annotated[
            Instant | None, Query(alias="from", description="Also show churn and renewals from this time.")
        ] = None,
        end: Annotated[
            Instant | None, Query(alias="to", description="End of that period, exclusive.")
        ] = None,
        at_least: AtLeast = None,
    ) -> Response:
        """Counts, monthly revenue and expiring contracts; with `from` and `to` also churn and renewals."""
        if (start is None) != (end is None):
            what = {"path": "from", "message": "`from` and `to` must be given together"}
            raise Problem("invalid_request", errors=[what])
        headers = await self._progress.reached(at_least)
        counts: dict[str, dict[str, int]] = {}
        for (plan, status), number in (await self._statistics.counts()).items():
            if number:
                counts.setdefault(plan, {})[status] = number
        body: dict[str, Any] = {
            "contracts": counts,
            "monthly_revenue": [row._asdict() for row in await self._statistics.monthly_revenue()],
            "expiring": [asdict(window) for window in await self._statistics.expiring()],
        }
        if start is not None and end is not None:
            found = await self._statistics.retention(start, end)
            rates = {"churn_rate": found.churn_rate, "renewal_rate": found.renewal_rate}
            body["retention"] = {**asdict(found), **rates}
        return document(body, headers)

    async def movements(
        self,
        start: Annotated[Instant, Query(alias="from", description="The first day, in UTC.")],
        end: Annotated[Instant, Query(alias="to", description="The day after the last day.")],
        *,
        daily: Annotated[bool, Query(description="One item for each day on which revenue moved.")] = False,
        at_least: AtLeast = None,
    ) -> Response:
        """How monthly recurring revenue moved, by plan and currency."""
        headers = await self._progress.reached(at_least)
        rows = await self._statistics.movements(start, end, daily=daily)
        return document({"items": [row.as_data() for row in rows]}, headers)


def _page(
    rows: Iterable[Mapping[str, Any]], following: str | None, caller: Asking, headers: Mapping[str, str]
) -> Response:
    body = {"data": list(rows), "has_more": following is not None, "next": following}
    return document(body, {**headers, **withheld(caller)})

"""The pages that read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from consumer.api.console.drawn import bars, months_of
from consumer.api.console.rendering import account_path
from consumer.api.console.roles import offered
from consumer.api.shown import shown_contract, shown_event, shown_item
from consumer.errors import ContractNotFound, HistoryPruned, InputRefused

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from consumer.api.console.rendering import Pages
    from consumer.api.tokens import Caller
    from consumer.reading.preview import ContractPreview
    from consumer.reading.reader import ContractReader
    from consumer.reading.statistics import ContractStatistics

CALENDAR_MONTHS: Final = 12
CALENDAR_DAYS: Final = 90
MOST_DAYS: Final = 3_650
SHOWN: Final = 500
HISTORY: Final = 25


class ContractPages:
    """Search, a contract with its history and future, the calendar, and the figures."""

    def __init__(
        self, reader: ContractReader, preview: ContractPreview, statistics: ContractStatistics, pages: Pages
    ) -> None:
        self._reader = reader
        self._preview = preview
        self._statistics = statistics
        self._pages = pages

    async def search(self, request: Request) -> Response:
        """By what people have at hand; one account alone is shown at once."""
        query = request.query_params.get("q", "").strip()
        found = await self._found(query) if query else []
        if len(found) == 1:
            return self._pages.redirect(account_path(found[0]["account_id"]))
        return self._pages.show(request, "search.html", query=query, found=found)

    async def _found(self, query: str) -> list[Any]:
        found: dict[str, Any] = {}
        try:
            if contract := await self._reader.by_account(query):
                found[contract["account_id"]] = contract
            if by_id := await self._reader.by_contract_id(query):
                found[by_id.contract["account_id"]] = by_id.contract
            page = await self._reader.find(external_reference=query)
            found |= {each["account_id"]: each for each in page.items}
        except InputRefused:
            return list(found.values())  # a name that no account or contract can have
        return list(found.values())

    async def contract(self, request: Request) -> Response:
        """An account's contract as it is, or as it was at a version."""
        account_id = unquote(request.path_params["account_id"])
        version, contract_id = request.query_params.get("version"), request.query_params.get("contract")
        if version and contract_id:
            return await self._past(request, account_id, contract_id, version)
        caller: Caller = request.state.caller
        future = await self._preview.coming_months(account_id, CALENDAR_MONTHS)
        current = future.before
        history = await self._reader.history(
            account_id, after=request.query_params.get("after"), limit=HISTORY
        )
        return self._pages.show(
            request,
            "contract.html",
            account_id=account_id,
            contract=None if current is None else shown_contract(current, caller),
            withheld=not caller.personal,
            due=[shown_event(event, caller) for event in future.due],
            months=CALENDAR_MONTHS,
            history=[shown_item(item, caller) for item in history.items],
            older=history.next,
            commands=offered(caller),
        )

    async def _past(self, request: Request, account_id: str, contract_id: str, version: str) -> Response:
        caller: Caller = request.state.caller
        try:
            past = await self._reader.at_version(contract_id, int(version) if version.isdecimal() else 0)
            now = await self._reader.by_contract_id(contract_id)
        except ContractNotFound as error:
            return self._pages.error(request, 404, "There is no such contract", str(error))
        except HistoryPruned as error:
            return self._pages.error(request, 410, "Not kept any more", str(error), error.hint)
        if past is None or now is None or past.contract["account_id"] != account_id:
            return self._pages.error(
                request, 404, "There is no such version", "The history names those there are."
            )
        return self._pages.show(
            request,
            "contract.html",
            account_id=account_id,
            contract=shown_contract(past.contract, caller),
            withheld=not caller.personal,
            past={"by": past.by if caller.personal else "-", "recorded_at": past.recorded_at},
            latest=now.contract["version"],
        )

    async def calendar(self, request: Request) -> Response:
        """What ends soon, by month."""
        text = request.query_params.get("days", str(CALENDAR_DAYS))
        days = int(text) if text.isdecimal() and len(text) < 5 else 0  # noqa: PLR2004 - four digits
        if not 1 <= days <= MOST_DAYS:
            raise InputRefused(f"days must be a number from 1 to {MOST_DAYS:,}")
        page = await self._reader.expiring(days, limit=SHOWN)
        return self._pages.show(
            request,
            "calendar.html",
            days=days,
            months=months_of(page.items),
            more=page.next is not None,
            shown=SHOWN,
        )

    async def figures(self, request: Request) -> Response:
        """How many contracts there are, and what they bring."""
        counts = await self._statistics.counts()
        revenue = await self._statistics.monthly_revenue()
        ending = await self._statistics.expiring()
        return self._pages.show(
            request,
            "statistics.html",
            counts=bars((f"{plan}, {status}", n) for (plan, status), n in sorted(counts.items()) if n),
            revenue=bars((f"{each.contract_type}, {each.currency}", each.monthly) for each in revenue),
            ending=bars((f"within {each.within_days} days", each.contracts) for each in ending),
        )

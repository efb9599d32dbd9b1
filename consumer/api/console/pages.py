"""The pages that only read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from consumer.api.console.drawn import bars
from consumer.api.console.rendering import account_path
from consumer.api.console.roles import offered
from consumer.api.console.timeline import timeline
from consumer.api.console.waterfall import waterfalls
from consumer.api.shown import shown_contract, shown_event
from consumer.errors import ContractNotFound, HistoryPruned
from consumer.storage.mongo_lookups import SCANNED

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from consumer.api.console.rendering import Pages
    from consumer.api.tokens import Caller
    from consumer.reading.lookup import ContractLookup
    from consumer.reading.preview import ContractPreview
    from consumer.reading.reader import ContractReader
    from consumer.reading.statistics import ContractStatistics

CALENDAR_MONTHS: Final = 12
HISTORY: Final = 25
MOST_DIGITS: Final = 100
MOVEMENT_DAYS: Final = 30


class ContractPages:
    """Search, one contract with its history and future, and statistics."""

    def __init__(
        self,
        reader: ContractReader,
        lookup: ContractLookup,
        preview: ContractPreview,
        statistics: ContractStatistics,
        pages: Pages,
    ) -> None:
        self._reader = reader
        self._lookup = lookup
        self._preview = preview
        self._statistics = statistics
        self._pages = pages

    async def search(self, request: Request) -> Response:
        """Shows what was found. If it is a single account, goes to its page directly."""
        caller: Caller = request.state.caller
        query = request.query_params.get("q", "").strip()
        found = await self._lookup.contracts(query, personal=caller.personal) if query else []
        if len({each["account_id"] for each in found}) == 1:
            return self._pages.redirect(account_path(found[0]["account_id"]))
        commands = await self._lookup.command(query) if query and not found else []
        return self._pages.show(
            request, "search.html", query=query, found=found, commands=commands, scanned=SCANNED
        )

    async def contract(self, request: Request) -> Response:
        """Shows an account's contract, now or at a version."""
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
            usage=await self._reader.usage(account_id),
            history=timeline(history.items, caller),
            older=history.next,
            commands=offered(caller),
        )

    async def _past(self, request: Request, account_id: str, contract_id: str, version: str) -> Response:
        caller: Caller = request.state.caller
        try:
            number = int(version) if version.isdecimal() and len(version) < MOST_DIGITS else 0
            past = await self._reader.at_version(contract_id, number)
            now = await self._reader.by_contract_id(contract_id)
        except ContractNotFound as error:
            return self._pages.error(request, 404, "The contract does not exist", str(error))
        except HistoryPruned as error:
            return self._pages.error(request, 410, "This version was pruned", str(error), error.hint)
        if past is None or now is None or past.contract["account_id"] != account_id:
            return self._pages.error(
                request, 404, "The version does not exist", "The history lists the versions."
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

    async def figures(self, request: Request) -> Response:
        """Shows counts and revenue."""
        counts = await self._statistics.counts()
        revenue = await self._statistics.monthly_revenue()
        ending = await self._statistics.expiring()
        movements = await self._statistics.recent_movements(MOVEMENT_DAYS)
        return self._pages.show(
            request,
            "statistics.html",
            counts=bars((f"{plan}, {status}", n) for (plan, status), n in sorted(counts.items()) if n),
            revenue=bars((f"{each.contract_type}, {each.currency}", each.monthly) for each in revenue),
            waterfalls=waterfalls(movements),
            movement_days=MOVEMENT_DAYS,
            ending=bars((f"within {each.within_days} days", each.contracts) for each in ending),
        )

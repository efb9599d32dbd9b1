"""The pages for operations: partitions, decisions for stopped ones, recent results."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import structlog

from consumer.api.console.rendering import AWAY
from consumer.errors import ContractsError, InputRefused
from consumer.operator.choices import MEANINGS, Decision

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from consumer.api.console.rendering import Pages
    from consumer.api.tokens import Caller
    from consumer.operator.desk import Desk
    from consumer.operator.position_table import Row
    from consumer.reading.lookup import ContractLookup

log = structlog.get_logger()

RECENT = 25


class Standing(NamedTuple):
    """A partition, and its owner."""

    row: Row
    owner: str | None


class OperationPages:
    """Shows positions, and carries out decisions about stopped partitions."""

    def __init__(self, desk: Desk, lookup: ContractLookup, pages: Pages) -> None:
        self._desk = desk
        self._lookup = lookup
        self._pages = pages

    async def overview(self, request: Request) -> Response:
        """Shows all partitions and recent results; only the results if Kafka does not answer."""
        partitions, unknown = [], None
        try:
            partitions = await self._standing()
        except ContractsError as error:
            log.warning("partitions are not known", error=str(error))
            unknown = AWAY
        recent = await self._lookup.recent(RECENT)
        return self._pages.show(
            request, "operations.html", partitions=partitions, unknown=unknown, recent=recent
        )

    async def partition(self, request: Request) -> Response:
        """Shows one partition: its problem, the decision that solves it, and what each decision does."""
        found = await self._one(request)
        if found is None:
            return self._pages.error(request, 404, "There is no such partition", "Operations lists them.")
        return self._show(request, found)

    async def decide(self, request: Request) -> Response:
        """Carries out the decision that was typed, if it is the one that solves the partition's problem."""
        caller: Caller = request.state.caller
        if not caller.may("operator"):
            return self._pages.error(
                request, 403, "Not allowed", "This requires a token with the role operator."
            )
        found = await self._one(request)
        if found is None or (decision := _asked_for(found.row)) is None:
            return self._pages.error(request, 409, "There is nothing to decide", "Operations shows why.")
        wanted = f"{decision} {found.row.partition}"
        if request.state.form.get("typed", "").split() != wanted.split():
            return self._show(request, found, 400, problem=f"Nothing was decided: type {wanted}")
        try:
            lines = await self._decided(caller, decision, found.row.partition)
        except InputRefused as error:
            return self._show(request, found, 409, problem=str(error), hint=error.hint)
        return self._pages.show(
            request,
            "operations.html",
            partitions=await self._standing(),
            recent=await self._lookup.recent(RECENT),
            decided={"lines": lines},
        )

    async def _decided(self, caller: Caller, decision: Decision, partition: int) -> list[str]:
        audit = log.bind(asked_by=caller.name, role=caller.role, decision=str(decision), partition=partition)
        try:
            lines = await self._desk.decide(decision, partition)
        except Exception as error:
            audit.warning("a decision from the console was not carried out", error=str(error))
            raise
        audit.info("a decision was made from the console", told=lines)
        return lines

    async def _standing(self) -> list[Standing]:
        return [Standing(row, owner) for row, owner in await self._desk.partitions()]

    async def _one(self, request: Request) -> Standing | None:
        number = request.path_params["partition"]
        return next((each for each in await self._standing() if str(each.row.partition) == number), None)

    def _show(self, request: Request, each: Standing, status: int = 200, **values: object) -> Response:
        decision = _asked_for(each.row)
        return self._pages.show(
            request, "partition.html", status, each=each, decision=decision, meanings=MEANINGS, **values
        )


def _asked_for(row: Row) -> Decision | None:
    return next((each for each in Decision if row.decision == f"--{each.value}"), None)

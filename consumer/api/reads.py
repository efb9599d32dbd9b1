"""End points that read one contract."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import unquote

from fastapi import Path, Query
from pydantic import BeforeValidator
from starlette.responses import Response

from consumer.api.auth import Asking
from consumer.api.log import AtLeast
from consumer.api.problems import Problem
from consumer.api.shown import shown_contract, withheld
from schemas.contract import to_json
from schemas.types import AccountId, ContractId, Instant, PositiveInt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consumer.api.log import Progress
    from consumer.reading.reader import ContractReader
    from consumer.reading.views import PastContract


def decoded(text: object) -> object:
    """The text without percent-encoding. Routing uses the path as sent, so that an id may contain %2F."""
    try:
        return unquote(text, errors="strict") if isinstance(text, str) else text
    except UnicodeDecodeError:
        raise ValueError("must be UTF-8 text") from None


AccountPath = Annotated[AccountId, BeforeValidator(decoded), Path(description="Id of the account.")]
ContractPath = Annotated[ContractId, BeforeValidator(decoded), Path(description="Id of the contract.")]


class ContractReads:
    """End points that read contracts.

    Args:
        reader: of contracts.
        progress: the positions that the database has reached.
    """

    def __init__(self, reader: ContractReader, progress: Progress) -> None:
        self._reader = reader
        self._progress = progress

    async def of_account(
        self,
        account_id: AccountPath,
        caller: Asking,
        as_of: Annotated[Instant | None, Query(description="Show the contract at this time.")] = None,
        at_least: AtLeast = None,
    ) -> Response:
        """The account's current contract, or its contract at an earlier time."""
        headers: dict[str, str] = {}

        async def before() -> None:
            headers.update(await self._progress.reached(at_least, account_id))

        if as_of is not None:
            await before()
            return _past(await self._reader.as_of(account_id, as_of), caller, headers)
        # What a cache has may be older than the position that is asked for.
        held = await self._reader.held(account_id, before=before, cached=at_least is None)
        if held.sequence is not None:
            headers |= await self._progress.seen(account_id, held.sequence)
        if held.contract is None:
            raise Problem("contract_not_found", "the account has no contract", headers=headers)
        return answer(held.contract, caller, headers)

    async def usage(self, account_id: AccountPath, at_least: AtLeast = None) -> Response:
        """The account's reported usage of this month and the last, against its limits."""
        headers = await self._progress.reached(at_least, account_id)
        found = await self._reader.usage(account_id)
        if found is None:
            raise Problem("contract_not_found", "the account has no contract", headers=headers)
        return document(asdict(found), headers)

    async def by_id(
        self,
        contract_id: ContractPath,
        caller: Asking,
        version: Annotated[
            PositiveInt | None, Query(description="Show this version of the contract.")
        ] = None,
        at_least: AtLeast = None,
    ) -> Response:
        """A contract by its id. Also finds former contracts: they have `current: false`."""
        headers = await self._progress.reached(at_least)
        if version is not None:
            return _past(await self._reader.at_version(contract_id, version), caller, headers)
        found = await self._reader.by_contract_id(contract_id)
        if found is None:
            raise Problem("contract_not_found", headers=headers)
        return answer(found.contract, caller, headers, current=found.current)


def _past(found: PastContract | None, caller: Asking, headers: Mapping[str, str]) -> Response:
    if found is None:
        raise Problem("contract_not_found", "there was no contract at that time or version", headers=headers)
    made = {"change": found.change, "effective_at": found.effective_at, "recorded_at": found.recorded_at}
    by = {"by": found.by} if caller.personal else {}
    return answer(found.contract, caller, headers, made_by={**made, **by})


def answer(
    contract: Mapping[str, Any], caller: Asking, headers: Mapping[str, str], **more: object
) -> Response:
    """A contract with its ETag; `more` is added to its fields."""
    tag = {"ETag": etag(contract["contract_id"], contract["version"])}
    return document({**shown_contract(contract, caller), **more}, {**headers, **tag, **withheld(caller)})


def etag(contract_id: str, version: int) -> str:
    """The ETag of a contract's state. It has the contract id, because each contract starts at version 1."""
    return f'"{contract_id}.{version}"'


def document(content: Any, headers: Mapping[str, str], status: int = 200) -> Response:
    """An answer that caches must not store: its content depends on the token."""
    return Response(to_json(content), status, {"Cache-Control": "no-store", **headers}, "application/json")

"""Contracts, as they are: for `GET`."""

from __future__ import annotations

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
    """Routes are found in the path as it was sent, so that an id may hold a slash, as %2F."""
    try:
        return unquote(text, errors="strict") if isinstance(text, str) else text
    except UnicodeDecodeError:
        raise ValueError("must be UTF-8 text") from None


AccountPath = Annotated[AccountId, BeforeValidator(decoded), Path(description="Whose contract it is.")]
ContractPath = Annotated[ContractId, BeforeValidator(decoded), Path(description="Id of a contract.")]


class ContractReads:
    """End points that read contracts.

    Args:
        reader: of contracts.
        progress: how far the database has come in the log.
    """

    def __init__(self, reader: ContractReader, progress: Progress) -> None:
        self._reader = reader
        self._progress = progress

    async def of_account(
        self,
        account_id: AccountPath,
        caller: Asking,
        as_of: Annotated[Instant | None, Query(description="The contract of then, as it stood then.")] = None,
        at_least: AtLeast = None,
    ) -> Response:
        """The account's current contract, or that of another time."""
        headers = await self._progress.reached(at_least, account_id)
        if as_of is not None:
            return _past(await self._reader.as_of(account_id, as_of), caller, headers)
        contract = await self._reader.by_account(account_id)
        if contract is None:
            raise Problem("contract_not_found", "the account has no contract", headers=headers)
        return answer(contract, caller, headers)

    async def by_id(
        self,
        contract_id: ContractPath,
        caller: Asking,
        version: Annotated[PositiveInt | None, Query(description="As it stood at this version.")] = None,
        at_least: AtLeast = None,
    ) -> Response:
        """A contract by its id; replaced and deleted ones too, which are not `current`."""
        headers = await self._progress.reached(at_least)
        if version is not None:
            return _past(await self._reader.at_version(contract_id, version), caller, headers)
        found = await self._reader.by_contract_id(contract_id)
        if found is None:
            raise Problem("contract_not_found", headers=headers)
        return answer(found.contract, caller, headers, current=found.current)


def _past(found: PastContract | None, caller: Asking, headers: Mapping[str, str]) -> Response:
    if found is None:
        raise Problem("contract_not_found", "there was no contract then", headers=headers)
    made = {"change": found.change, "effective_at": found.effective_at, "recorded_at": found.recorded_at}
    by = {"by": found.by} if caller.personal else {}
    return answer(found.contract, caller, headers, made_by={**made, **by})


def answer(
    contract: Mapping[str, Any], caller: Asking, headers: Mapping[str, str], **more: object
) -> Response:
    """A contract with its ETag; `more` stands beside its fields."""
    tag = {"ETag": etag(contract["contract_id"], contract["version"])}
    return document({**shown_contract(contract, caller), **more}, {**headers, **tag, **withheld(caller)})


def etag(contract_id: str, version: int) -> str:
    """Names a state of a contract; has its id, as the next contract starts at version 1."""
    return f'"{contract_id}.{version}"'


def document(content: Any, headers: Mapping[str, str], status: int = 200) -> Response:
    """An answer that no cache keeps: what it shows depends on the token."""
    return Response(to_json(content), status, {"Cache-Control": "no-store", **headers}, "application/json")

"""Contracts, as they are: for `GET`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import unquote

from fastapi import Path
from pydantic import BeforeValidator
from starlette.responses import Response

from consumer.api.auth import Asking
from consumer.api.log import AtLeast
from consumer.api.problems import Problem
from consumer.api.shown import shown_contract, withheld
from schemas.contract import to_json
from schemas.types import AccountId, ContractId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consumer.api.log import Progress
    from consumer.reading.reader import ContractReader


def _decoded(text: object) -> object:
    """Routes are found in the path as it was sent, so that an id may hold a slash, as %2F."""
    try:
        return unquote(text, errors="strict") if isinstance(text, str) else text
    except UnicodeDecodeError:
        raise ValueError("must be UTF-8 text") from None


AccountPath = Annotated[AccountId, BeforeValidator(_decoded), Path(description="Whose contract it is.")]
ContractPath = Annotated[ContractId, BeforeValidator(_decoded), Path(description="Id of a contract.")]


class ContractReads:
    """End points that read contracts.

    Args:
        reader: of contracts.
        progress: how far the database has come in the log.
    """

    def __init__(self, reader: ContractReader, progress: Progress) -> None:
        self._reader = reader
        self._progress = progress

    async def of_account(self, account_id: AccountPath, caller: Asking, at_least: AtLeast = None) -> Response:
        """The account's current contract."""
        headers = await self._progress.reached(at_least, account_id)
        contract = await self._reader.by_account(account_id)
        if contract is None:
            raise Problem("contract_not_found", "the account has no contract", headers=headers)
        return answer(contract, caller, headers)

    async def by_id(self, contract_id: ContractPath, caller: Asking, at_least: AtLeast = None) -> Response:
        """A contract by its id; replaced and deleted ones too, which are not `current`."""
        headers = await self._progress.reached(at_least)
        found = await self._reader.by_contract_id(contract_id)
        if found is None:
            raise Problem("contract_not_found", headers=headers)
        return answer(found.contract, caller, headers, current=found.current)


def answer(
    contract: Mapping[str, Any], caller: Asking, headers: Mapping[str, str], **more: object
) -> Response:
    """A contract with its ETag; `more` stands beside its fields."""
    tag = {"ETag": etag(contract["contract_id"], contract["version"])}
    return document({**shown_contract(contract, caller), **more}, {**headers, **tag, **withheld(caller)})


def etag(contract_id: str, version: int) -> str:
    """Names a state of a contract; with its id, as versions begin anew with the account's next contract."""
    return f'"{contract_id}.{version}"'


def document(content: Any, headers: Mapping[str, str], status: int = 200) -> Response:
    """An answer that no cache keeps: what it shows depends on the token."""
    return Response(to_json(content), status, {"Cache-Control": "no-store", **headers}, "application/json")

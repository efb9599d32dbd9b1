"""The platform's contract API for asyncio: reads go to MongoDB, writes through the log."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from consumer.arguments import checked
from consumer.errors import CommandRejected, InputRefused, LogError, ServiceUnavailable
from producers.contract_dicts import ContractStatus, ContractType, given, in_utc, with_floats

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from consumer.reading.reader import ContractReader
    from producers.commands import CommandProducer
    from producers.requests import AwaitedCommands
    from schemas.contract import ContractState


@checked
class AsyncContractManager:
    """The platform's operations on contracts.

    A write publishes a command and waits for its result. After that, reads from the primary show the change;
    a secondary may be a moment behind. The first write connects to Kafka, the first read to MongoDB.
    Contracts are dicts with aware datetimes in UTC and float money. Arguments may contain naive datetimes,
    which are taken as UTC, and None, which means that the field is left out, at any depth.

    Every method may raise ServiceUnavailable: a server does not answer, and the result is unknown. Writes may
    also raise ResultTimeout (the command is in the log and will be applied), CommandRejected, InputRefused,
    and TopicsMissing (the command topic does not exist).

    Args:
        reader: of contracts.
        producer: of commands; not started yet. `close` stops it.
    """

    def __init__(self, reader: ContractReader, producer: CommandProducer) -> None:
        self._reader = reader
        self._producer = producer
        self._starting = asyncio.Lock()
        self._commands: AwaitedCommands | None = None

    async def create_contract(self, contract: Mapping[str, Any]) -> str:
        """Creates a contract and returns its id.

        Args:
            contract: `account_id`, `contract_type`, and all fields that differ from the plan's template.
        """
        data = given(contract)
        account_id = _text(data.pop("account_id", None), "account_id")
        return str((await self._written("create", account_id, data)).contract_id)

    async def update_contract(self, account_id: str, changes: Mapping[str, Any]) -> bool:
        """Changes fields; None removes an optional one. False: the account has no contract."""
        return await self._found("update", account_id, {"changes": in_utc(dict(changes))})

    async def delete_contract(self, account_id: str) -> bool:
        """Removes the contract; its history stays. False: the account has no contract."""
        return await self._found("delete", account_id, {})

    async def get_contract_by_account_id(self, account_id: str) -> dict[str, Any] | None:
        """The account's current contract."""
        contract = await self._reader.by_account(account_id)
        return None if contract is None else _shown(contract)

    async def get_contract_by_id(self, contract_id: str) -> dict[str, Any] | None:
        """A current contract by its id. ContractReader finds replaced and deleted ones, too."""
        found = await self._reader.by_contract_id(contract_id)
        return _shown(found.contract) if found is not None and found.current else None

    async def get_contracts_by_status(self, status: ContractStatus | str) -> list[dict[str, Any]]:
        """All contracts of a status, by account id."""
        chosen = _member(ContractStatus, status)
        return [_shown(contract) async for contract in self._reader.each(status=chosen.value)]

    async def get_contracts_by_type(self, contract_type: ContractType | str) -> list[dict[str, Any]]:
        """All contracts of a plan, by account id."""
        chosen = _member(ContractType, contract_type)
        return [_shown(contract) async for contract in self._reader.each(contract_type=chosen.value)]

    async def get_expiring_contracts(self, days_ahead: int = 30) -> list[dict[str, Any]]:
        """Running contracts whose term ends within this number of days, earliest first."""
        found: list[dict[str, Any]] = []
        after: str | None = None
        while True:
            page = await self._reader.expiring(days_ahead, after=after, limit=1_000)
            found += [_shown(each.contract) for each in page.items]
            if page.next is None:
                return found
            after = page.next

    async def get_contract_count(self) -> int:
        """How many current contracts there are."""
        return await self._reader.count()

    async def close(self) -> None:
        """Disconnects from Kafka."""
        self._commands = None
        await self._producer.stop()

    async def _found(self, name: str, account_id: str, data: Mapping[str, Any]) -> bool:
        try:
            await self._written(name, account_id, data)
        except CommandRejected as rejected:
            if rejected.code == "contract_not_found":
                return False
            raise
        return True

    async def _written(self, name: str, account_id: str, data: Mapping[str, Any]) -> Any:
        with _kafka_as_service():
            commands = await self._started()
            result = await commands.publish(name, account_id, data)
        return result.raise_if_rejected()

    async def _started(self) -> AwaitedCommands:
        async with self._starting:
            if self._commands is None:
                await self._producer.start()
                self._commands = self._producer.awaiting()
            return self._commands


@contextmanager
def _kafka_as_service() -> Iterator[None]:
    try:
        yield
    except LogError as error:
        raise ServiceUnavailable(str(error), hint=error.hint) from error


def _shown(contract: ContractState) -> dict[str, Any]:
    shown: dict[str, Any] = with_floats(dict(contract))
    return shown


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise InputRefused(f"a contract needs {name}, as text", errors=[(f"/{name}", "is required")])
    return value


def _member(kind: type[Any], value: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(each.value for each in kind)
        raise InputRefused(f"{value!r} is none of: {known}") from None

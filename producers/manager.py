"""The platform's existing contract API: plain functions and methods that return values.

    from producers.manager import create_basic_contract_template, get_mongo_manager

    manager = get_mongo_manager()
    contract_id = manager.create_contract(create_basic_contract_template("account-1"))
    contract = manager.get_contract_by_account_id("account-1")

It runs an event loop in a separate thread, so it can be used from any thread and without asyncio. Inside
asyncio it would block the loop: use AsyncContractManager there (`contract_manager`), which has the same
methods as coroutines.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import SecretStr

from consumer.arguments import checked
from consumer.clients import contract_manager
from consumer.errors import ServiceUnavailable
from consumer.settings import load_settings
from producers.contract_dicts import (
    ContractStatus,
    ContractType,
    create_basic_contract_template,
    create_enterprise_contract_template,
    create_professional_contract_template,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from contextlib import AbstractAsyncContextManager

    from consumer.settings import Settings
    from producers.async_manager import AsyncContractManager

__all__ = [
    "ContractManager",
    "ContractStatus",
    "ContractType",
    "create_basic_contract_template",
    "create_enterprise_contract_template",
    "create_professional_contract_template",
    "get_mongo_manager",
    "initialize_mongodb",
]

Result = TypeVar("Result")

CLOSE_SECONDS: Final = 15.0


@checked
class ContractManager:
    """AsyncContractManager for code without asyncio. See there for what each method does and raises."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="contracts", daemon=True)
        self._thread.start()
        self._context: AbstractAsyncContextManager[AsyncContractManager] = contract_manager(settings)
        self._manager: AsyncContractManager = self._run(self._context.__aenter__())

    def create_contract(self, contract: Mapping[str, Any]) -> str:
        """Creates a contract and returns its id."""
        return self._run(self._manager.create_contract(contract))

    def update_contract(self, account_id: str, changes: Mapping[str, Any]) -> bool:
        """Changes fields; None removes an optional one. False: the account has no contract."""
        return self._run(self._manager.update_contract(account_id, changes))

    def delete_contract(self, account_id: str) -> bool:
        """Removes the contract; its history stays. False: the account has no contract."""
        return self._run(self._manager.delete_contract(account_id))

    def get_contract_by_account_id(self, account_id: str) -> dict[str, Any] | None:
        """The account's current contract."""
        return self._run(self._manager.get_contract_by_account_id(account_id))

    def get_contract_by_id(self, contract_id: str) -> dict[str, Any] | None:
        """A current contract by its id."""
        return self._run(self._manager.get_contract_by_id(contract_id))

    def get_contracts_by_status(self, status: ContractStatus | str) -> list[dict[str, Any]]:
        """All contracts of a status, by account id."""
        return self._run(self._manager.get_contracts_by_status(status))

    def get_contracts_by_type(self, contract_type: ContractType | str) -> list[dict[str, Any]]:
        """All contracts of a plan, by account id."""
        return self._run(self._manager.get_contracts_by_type(contract_type))

    def get_expiring_contracts(self, days_ahead: int = 30) -> list[dict[str, Any]]:
        """Running contracts whose term ends within this number of days, earliest first."""
        return self._run(self._manager.get_expiring_contracts(days_ahead))

    def get_contract_count(self) -> int:
        """How many current contracts there are."""
        return self._run(self._manager.get_contract_count())

    def close(self) -> None:
        """Disconnects; the manager cannot be used any more."""
        if self._loop.is_closed():
            return
        with suppress(TimeoutError):
            closing = self._context.__aexit__(None, None, None)
            asyncio.run_coroutine_threadsafe(closing, self._loop).result(CLOSE_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSE_SECONDS)
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            raise


class _Shared:
    """The manager of this process. Threads do not survive a fork, so a forked child creates its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._manager: ContractManager | None = None
        self._pid = 0

    def get(self, settings: Callable[[], Settings]) -> ContractManager:
        with self._lock:
            if self._manager is None or self._pid != os.getpid():
                self._manager, self._pid = ContractManager(settings()), os.getpid()
            return self._manager

    def replace(self, settings: Settings) -> ContractManager:
        self.close()
        return self.get(lambda: settings)

    def close(self) -> None:
        with self._lock:
            manager, self._manager = self._manager, None
            if manager is not None and self._pid == os.getpid():
                manager.close()


_shared: Final = _Shared()
atexit.register(_shared.close)


def initialize_mongodb(uri: str) -> bool:
    """Makes `get_mongo_manager` use this MongoDB. Returns whether it answers.

    Everything else comes from the settings, including the address of Kafka.

    Raises:
        SettingsError: `uri` is not a connection string, or a setting is wrong.
    """
    manager = _shared.replace(load_settings(mongo_uri=SecretStr(uri)))
    try:
        manager.get_contract_count()
    except ServiceUnavailable:
        return False
    return True


def get_mongo_manager() -> ContractManager:
    """The manager of this process. It connects when it is first used.

    Raises:
        SettingsError: a setting is wrong.
    """
    return _shared.get(load_settings)

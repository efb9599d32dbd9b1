"""Finds contracts and commands by what people know: account, id, reference, tag, e-mail address, command."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from consumer.errors import InputRefused
from consumer.reading.items import item_of
from schemas.views import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from consumer.reading.reader import ContractReader
    from consumer.reading.views import HistoryItem
    from consumer.storage.history import HistoryEntry
    from consumer.storage.mongo_lookups import Lookups
    from schemas.contract import ContractState

FOUND: Final = 100
"""Maximum number of results of one kind; for more, the search text must be more precise."""


class AccountItem(NamedTuple):
    """A history entry, and its account; None: the record has no account."""

    account_id: str | None
    item: HistoryItem


class ContractLookup:
    """Looks for contracts and commands.

    Args:
        reader: of contracts.
        lookups: queries on the database.
    """

    def __init__(self, reader: ContractReader, lookups: Lookups) -> None:
        self._reader = reader
        self._lookups = lookups
        self._scanning = asyncio.Lock()

    async def contracts(self, text: str, *, personal: bool) -> list[ContractState]:
        """Contracts with exactly this text: current ones by any of these, and former ones by their id.

        Args:
            text: an account, a contract's id, external reference or e-mail address; if none matches, a tag.
            personal: whether e-mail addresses are also searched: a match confirms the address.

        Raises:
            ServiceUnavailable: the database does not answer.
        """
        found: dict[str, ContractState] = {}
        try:
            if contract := await self._reader.by_account(text):
                found[contract["contract_id"]] = contract
            if by_id := await self._reader.by_contract_id(text):
                found[by_id.contract["contract_id"]] = by_id.contract
            page = await self._reader.find(external_reference=text, limit=FOUND)
            found |= {each["contract_id"]: each for each in page.items}
        except InputRefused:
            pass  # a name that no account or contract can have; it may be a tag
        if personal and "@" in text:
            with_email = await self._lookups.with_email(text, FOUND)
            found |= {each["contract_id"]: visible(each) for each in with_email}
        return [*found.values()] or await self._tagged(text)

    async def _tagged(self, text: str) -> list[ContractState]:
        """Contracts with a tag. This reads all contracts: a process runs only one such search at a time."""
        async with self._scanning:
            return [*map(visible, await self._lookups.tagged(text, FOUND))]

    async def command(self, command_id: str) -> Sequence[AccountItem]:
        """The history entries of a command, the latest first; searched for in the newest records only.

        A process runs one such search at a time, because each reads up to SCANNED entries.
        """
        async with self._scanning:
            return _items(await self._lookups.command(command_id, FOUND))

    async def recent(self, limit: int) -> Sequence[AccountItem]:
        """The newest history entries of all accounts, the latest first."""
        return _items(await self._lookups.newest(limit))


def _items(entries: Iterable[HistoryEntry]) -> list[AccountItem]:
    return [AccountItem(entry.account_id, item_of(entry)) for entry in entries]

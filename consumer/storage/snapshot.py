"""Reads the whole database as it was at one moment, while the service runs.

A transaction may last 60 seconds, and a snapshot 300: too short for a large database. So it is read without
one, page by page, and meanwhile what it holds changes. Every change is in the history, in the transaction
that makes it. So the entries that were added since the beginning name all accounts that have changed; these
are read again, until few are left, and the last ones in one short transaction with the positions. What is
returned is then the state at the moment of that transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import bson
from bson.raw_bson import RawBSONDocument
from pymongo import ReadPreference
from pymongo.read_concern import ReadConcern

from consumer.domain.commands.table import ERASING
from consumer.errors import InputRefused
from consumer.storage import known_templates, movements, redrives
from consumer.storage.chain import RAW
from consumer.storage.chain_pages import ChainPages
from consumer.storage.changes import Changes
from consumer.storage.divided import divided
from consumer.storage.documents import CODEC
from consumer.storage.mongo_driver import start_session, start_transaction
from consumer.storage.mongo_errors import answered
from consumer.storage.mongo_filters import of_topic
from consumer.storage.paging import SECONDS, next_page
from consumer.storage.position_documents import position_from

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping

    from consumer.storage.mongo_driver import Client, Session
    from consumer.storage.protocols import Position

AT_ONCE: Final = 1_000
"""Number of accounts whose documents are read with one request."""

FEW: Final = 2_000
"""Number of commands whose accounts are read in the last transaction."""

ROUNDS: Final = 20
"""Maximum number of rounds: then the last transaction begins, however much is left."""

CONTRACTS: Final = ("contracts", "former_contracts")
WHOLE: Final = (movements.COLLECTION, known_templates.COLLECTION, redrives.COLLECTION)
"""Small collections, which the last transaction reads as a whole."""

_ID: Final = slice(9, 21)
"""The place of an ObjectId in a document that begins with it."""


def id_of(contract: bytes) -> bytes:
    """The id of a stored contract, in whose order contracts are read."""
    return contract[_ID]


def account_of(contract: bytes) -> str:
    """The account of a stored contract."""
    account: str = RawBSONDocument(contract)["account_id"]
    return account


def tally_of(contract: bytes) -> str:
    """What a position counts a contract as."""
    document = RawBSONDocument(contract)
    return f"{document['contract_type']}/{document['status']}"


def offset_of(entry: bytes) -> int:
    """The sequence number of a history entry."""
    return int(RawBSONDocument(entry)["offset"])


class Snapshot:
    """Every method may raise ServiceUnavailable.

    Args:
        client: connected lazily.
        database: name of the database.
        topic: of the commands.
    """

    def __init__(self, client: Client, database: str, topic: str) -> None:
        self._client = client
        self._db: Any = client.get_database(
            database,
            codec_options=RAW,
            read_preference=ReadPreference.PRIMARY,
            read_concern=ReadConcern("majority"),
        )
        self._topic = topic
        self._chains = ChainPages(client, database, topic)
        self.begun: dict[int, Position] = {}
        """The positions at the beginning."""

    async def begin(self) -> None:
        """Reads the positions first, so that whatever changes later is known to have changed."""
        self.begun = await self._chains.positions()

    async def contracts(self, collection: str) -> AsyncIterator[list[bytes]]:
        """All contracts by id; they may change meanwhile."""
        after, last = dict[str, Any](), False
        while not last:
            page, last = await next_page(self._db[collection], after, _BY_ID)
            if page:
                yield [bytes(each.raw) for each in page]
                after = {"_id": {"$gt": page[-1]["_id"]}}

    async def entries(self, partition: int) -> AsyncIterator[list[bytes]]:
        """The history of a partition up to the beginning, in order."""
        async for page in self._chains.entries(partition, 0, _end(self.begun[partition])):
            yield [bytes(each.raw) for each in page]

    async def changes(self) -> tuple[dict[int, Position], Changes]:
        """The positions at the last moment, and what has changed up to there.

        Raises:
            InputRefused: a decision has changed positions meanwhile, or new entries are pruned already.
        """
        reader, reached = _Reader(self._db, self._chains), self.begun
        for _ in range(ROUNDS):
            now = await self._chains.positions()
            if sum(_end(position) - _end(reached[n]) for n, position in now.items() if n in reached) <= FEW:
                break
            await reader.read(reached, now)
            reached = now
        reader.session = session = await start_session(self._client)
        try:
            await start_transaction(session, ReadConcern("snapshot"))
            found = await reader.find("positions", of_topic(self._topic), only={"outbox": False})
            decoded = (bson.decode(bytes(each.raw), CODEC) for each in found)
            now = {position.topic_partition[1]: position for position in map(position_from, decoded)}
            await reader.read(reached, now)
            for name in WHOLE:
                # The server decides where an update of movements adds fields; templates are stored whole.
                stored = _in_order if name == movements.COLLECTION else _as_it_is
                reader.changes.whole[name] = [stored(each) for each in await reader.find(name)]
            with answered(SECONDS):
                await session.abort_transaction()
        finally:
            await session.end_session()
        return now, reader.changes


class _Reader:
    """Collects changes. With `session`, it reads in its transaction."""

    def __init__(self, database: Any, chains: ChainPages) -> None:
        self._db = database
        self._chains = chains
        self.session: Session | None = None
        self.changes = Changes()

    async def read(self, since: Mapping[int, Position], now: Mapping[int, Position]) -> None:
        """Adds what has changed between two moments."""
        if {n: _log_of(p) for n, p in now.items()} != {n: _log_of(p) for n, p in since.items()}:
            raise InputRefused("partitions were added or decided about meanwhile", hint="run it again")
        touched, erased = set[str](), set[str]()
        for number, position in now.items():
            entries = self.changes.entries.setdefault(number, [])
            async for page in self._chains.entries(number, _end(since[number]), _end(position), self.session):
                for entry in page:
                    entries.append(bytes(entry.raw))
                    account = entry.get("account_id")
                    if account is not None:
                        touched.add(account)
                        if _erases(entry):
                            erased.add(account)
                    elif "details_hash" in entry:
                        raise InputRefused(
                            "new entries of the history are pruned already: the service applies old commands",
                            hint="run it again when the service has caught up",
                        )
        await self._read_accounts(touched)
        # Entries that came after an erasure are not erased by it: they are read like those that came before.
        again = erased | (touched & self.changes.erased)
        self.changes.erased |= erased
        for rewritten in await self._of_accounts("history", again):
            self.changes.rewritten[bytes(rewritten["_id"])] = bytes(rewritten.raw)

    async def _read_accounts(self, touched: set[str]) -> None:
        for account in touched:
            self.changes.contracts.pop(account, None)
        self.changes.accounts |= touched
        for contract in await self._of_accounts("contracts", touched):
            self.changes.contracts[contract["account_id"]] = bytes(contract.raw)
        for contract in await self._of_accounts("former_contracts", touched):
            self.changes.former[contract["_id"].binary] = bytes(contract.raw)

    async def _of_accounts(self, collection: str, accounts: Collection[str]) -> list[Any]:
        found: list[Any] = []
        for some in divided(sorted(accounts), AT_ONCE):
            found += await self.find(collection, {"account_id": {"$in": some}})
        return found

    async def find(
        self,
        collection: str,
        wanted: Mapping[str, Any] | None = None,
        only: Mapping[str, bool] | None = None,
    ) -> list[Any]:
        """All of a few documents, by id."""
        with answered(SECONDS):
            found = self._db[collection].find(wanted, only, session=self.session, sort=_BY_ID)
            documents: list[Any] = await found.to_list(None)
        return documents


_BY_ID: Final = [("_id", 1)]


def _erases(entry: Any) -> bool:
    """Whether the command has erased its account: it may be a dead letter, or refused."""
    return entry.get("type") in ERASING and entry.get("outcome") == "applied"


def _end(position: Position) -> int:
    return position.base() + position.next


def _log_of(position: Position) -> tuple[int, object]:
    return position.generation, position.origin


def _as_it_is(document: Any) -> bytes:
    return bytes(document.raw)


def _in_order(document: Any) -> bytes:
    """The same document, whatever the order in which its fields came."""
    fields: dict[str, Any] = bson.decode(bytes(document.raw))
    ordered = {n: dict(sorted(v.items())) if isinstance(v, dict) else v for n, v in sorted(fields.items())}
    return bson.encode(ordered)

"""The stores under test, each with a look at its data from outside, as another program has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bson
from pymongo import MongoClient

from consumer.storage import indexes
from consumer.storage.documents import CODEC, contract_from, history_document
from consumer.storage.memory import MemoryStore
from consumer.storage.mongo import MongoStore, connect
from consumer.storage.mongo_driver import close
from consumer.storage.movements import Tallied, tallied_from
from tests import servers as kinds

if TYPE_CHECKING:
    from consumer.storage.mongo_driver import Driver
    from consumer.storage.protocols import Store

TIMEOUT_MS = 5_000


class MemoryBackend:
    """One dict, whoever asks."""

    def __init__(self) -> None:
        self._store = MemoryStore()

    async def prepare(self) -> None:
        """Nothing to do."""

    def store(self) -> Store:
        return self._store

    def contracts(self) -> list[Any]:
        return [*self._store.contracts.values()]

    def former(self) -> list[Any]:
        return self._store.former

    def history(self) -> list[Any]:
        documents = map(history_document, self._store.history.values())
        return [bson.decode(bson.encode(document, codec_options=CODEC), CODEC) for document in documents]

    def movements(self) -> list[Tallied]:
        return [
            Tallied(partition, bucket, totals)
            for (partition, bucket), totals in self._store.movements.items()
        ]

    def forget_contract(self, account: str) -> None:
        """As an operator would, by hand."""
        del self._store.current[account]

    async def close(self) -> None:
        """Nothing to do."""


class MongoBackend:
    """One database; each store has connections of its own, as another process has."""

    def __init__(self, uri: str, database: str, driver: Driver, timeout_ms: int = TIMEOUT_MS) -> None:
        self.uri = uri
        self.name = database
        self.driver = driver
        self.timeout_ms = timeout_ms
        self._clients: list[Any] = []
        self._outside: Any = MongoClient(uri)
        self._database = self._outside.get_database(database, codec_options=CODEC)

    async def prepare(self) -> None:
        await indexes.ensure(self.store().database)

    def store(self, uri: str | None = None) -> MongoStore:
        client = connect(uri or self.uri, timeout_ms=self.timeout_ms, max_pool_size=5, driver=self.driver)
        self._clients.append(client)
        return MongoStore(client, self.name)

    def contracts(self) -> list[Any]:
        return [contract_from(document) for document in self._database.contracts.find()]

    def former(self) -> list[Any]:
        return [contract_from(document) for document in self._database.former_contracts.find()]

    def history(self) -> list[Any]:
        return [*self._database.history.find()]

    def movements(self) -> list[Tallied]:
        return [*map(tallied_from, self._database.movements.find())]

    def forget_contract(self, account: str) -> None:
        """As an operator would, by hand."""
        self._database.contracts.delete_one({"account_id": account})

    async def close(self) -> None:
        for client in self._clients:
            await close(client)
        if kinds.GIVEN_MONGO:  # the others forget everything when they end; dropping takes them seconds
            self._outside.drop_database(self.name)
        self._outside.close()

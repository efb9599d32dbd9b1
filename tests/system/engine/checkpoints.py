"""Makes checkpoints of a service, loses its database, and restores it, as the commands do."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from pymongo import MongoClient

from consumer import bootstrap, clients
from consumer.kafka.cluster import make_client
from consumer.kafka.journal import Journal
from consumer.operator.checkpoint.creation import Created, Creation
from consumer.operator.checkpoint.cutting import Cut, cuts
from consumer.operator.checkpoint.manifest import Manifest, deciding
from consumer.operator.checkpoint.restoring import opened
from consumer.operator.positions import position_admin
from consumer.settings import Settings
from consumer.storage.protocols import Position
from consumer.storage.restoring import Restoring
from consumer.storage.snapshot import Snapshot
from devstack.proof.load import Load
from devstack.proof.message import Message
from devstack.proof.sending import Sender
from schemas.topics import COMMANDS, POSITIONS

RECORDS = 600


def messages(count: int = RECORDS) -> list[Any]:
    """Commands of all kinds, always the same."""
    return list(Load(4, accounts=60, misplaced=0).messages(count))


def erase(account: bytes) -> Message:
    """Removes what is personal from all that is stored of an account."""
    attributes = {"specversion": "1.0", "source": "/t", "type": "com.easytrade.contract.erase.v1"}
    headers = [(f"ce_{name}", value.encode()) for name, value in attributes.items()]
    return Message(account, b"{}", [*headers, ("ce_id", b"erase-" + account)])


def send(settings: Settings, some: Iterable[Any]) -> None:
    topic = settings.topic_prefix + COMMANDS
    sender = Sender(settings.kafka_bootstrap_servers, topic, settings.topic_partitions)
    sender.send(some)
    sender.flush()


def creation(settings: Settings, client: Any, folder: Path, snapshot: Any = Snapshot) -> Creation:
    topic = settings.topic_prefix + COMMANDS
    return Creation(
        snapshot(client, settings.mongo_database, topic),
        Journal(partial(make_client, settings), settings.topic_prefix + POSITIONS),
        folder,
        release="1",
        topic=topic,
        settings=deciding(settings),
    )


async def create(settings: Settings, folder: Path, snapshot: Any = Snapshot) -> Created:
    async with clients.opened_mongo(settings) as client:
        return await creation(settings, client, folder, snapshot).run()


async def restore(settings: Settings, folder: Path) -> list[Any]:
    async with (
        clients.opened_mongo(settings) as client,
        position_admin(settings, bootstrap.make_store(settings, client)) as admin,
    ):
        with opened(folder, Restoring(client, settings.mongo_database)) as restoration:
            return await admin.restore(restoration)


class Changing(Snapshot):
    """Calls `change` between two pages of the contracts, of the former ones and of the history.

    And once more before the positions are read for the second round of changes, if there is one.
    """

    def __init__(self, change: Callable[[], Awaitable[None]], *args: Any) -> None:
        super().__init__(*args)
        self._change = change
        self._asked = 0
        self._positions = self._chains.positions
        self._chains.positions = self._changed_positions  # type: ignore[method-assign]

    async def _changed_positions(self) -> dict[int, Position]:
        self._asked += 1
        if self._asked == 3:
            await self._change()
        return await self._positions()

    async def contracts(self, collection: str) -> AsyncIterator[list[bytes]]:
        changed = False
        async for page in super().contracts(collection):
            yield page
            if not changed:
                changed = True
                await self._change()

    async def entries(self, partition: int) -> AsyncIterator[list[bytes]]:
        if partition == 1:
            await self._change()
        async for page in super().entries(partition):
            yield page


async def cut(settings: Settings, manifest: Manifest) -> list[Cut]:
    """Deletes the records that may be deleted."""
    async with clients.opened_mongo(settings) as client:
        store = bootstrap.make_store(settings, client)
        names = [position.partition for position in manifest.positions.values()]
        async with position_admin(settings, store) as admin:
            found = cuts(manifest, await admin.show(), await store.positions(names))

    def delete() -> None:
        admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap_servers, "log_level": 0})
        for done in admin.delete_records([TopicPartition(*one) for one in found]).values():
            done.result()

    await asyncio.to_thread(delete)
    return found


async def lose(settings: Settings) -> None:
    """The database is gone."""

    def drop() -> None:
        with MongoClient[dict[str, Any]](settings.mongo_uri.get_secret_value()) as client:
            client.drop_database(settings.mongo_database)

    await asyncio.to_thread(drop)

"""A read model that is killed while commands flow, each time with work done and more to come."""

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from consumer.clients import contract_reader
from producers.connect import make_command_producer
from schemas.contract import to_json
from tests.running import Running, until

ACCOUNTS = 40
Start = Callable[[], Awaitable[asyncio.subprocess.Process]]


async def load(service: Running, chance: Random, *, name: str, enough: asyncio.Event) -> None:
    """Creates, updates and deletions until it is enough; waits for the last result of each account."""
    async with make_command_producer(service.settings) as commands:
        number = 0
        while not enough.is_set():
            number += 1
            account = f"{name}-{chance.randrange(ACCOUNTS)}"
            await commands.create(account, contract_type="basic")
            await commands.update(account, changes={"notes": str(number)})
            if chance.random() < 0.1:
                await commands.delete(account)
            await asyncio.sleep(0.02)
        for number in range(ACCOUNTS):
            await commands.awaiting().create(f"{name}-{number}", contract_type="basic")


async def stored(service: Running) -> dict[str, Any]:
    """The contracts by account, as JSON has them."""
    async with contract_reader(service.settings) as reader:
        return {each["account_id"]: json.loads(to_json(each)) async for each in reader.each()}


def rows(file: Path, query: str) -> list[Any]:
    """What a read model in SQLite has; nothing before it is made."""
    with suppress(sqlite3.OperationalError), sqlite3.connect(file) as model:
        return model.execute(query).fetchall()
    return []


def in_sqlite(file: Path) -> dict[str, Any]:
    """The contracts of such a model, by account."""
    query = "SELECT account_id, contract FROM contracts WHERE contract IS NOT NULL"
    return {account: json.loads(contract) for account, contract in rows(file, query)}


async def killed_under_load(
    loading: asyncio.Task[None], start: Start, model: Callable[[], dict[str, Any]], times: int
) -> None:
    """Starts it and kills it as soon as its model has changed, again and again."""
    for _ in range(times):
        before = await asyncio.to_thread(model)
        process = await start()

        async def changed(before: dict[str, Any] = before) -> bool:
            return await asyncio.to_thread(model) != before

        try:
            await until(changed)
            assert process.returncode is None, "it ended by itself"
            assert not loading.done(), "nothing came any more when it was killed"
        finally:
            process.kill()
            await process.communicate()

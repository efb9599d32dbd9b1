"""Positions and dead letters for a program that runs on: every question has connections of its own.

An operator asks seldom, and what is asked for often cannot be answered because a server is away.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from consumer.bootstrap import make_store
from consumer.operator.dead_letters import dead_letter, dead_letters, original
from consumer.operator.positions import position_admin
from consumer.operator.redrive import Redrive
from consumer.storage.mongo_lookups import MongoLookups
from consumer.storage.redrives import MongoRedriveStore
from producers.connect import make_command_producer
from schemas.topics import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consumer.operator.choices import Decision
    from consumer.operator.dead_letters import DeadLetter, LetterQuery
    from consumer.operator.position_table import Row
    from consumer.operator.redrive import Redriven
    from consumer.settings import Settings
    from consumer.storage.mongo_driver import Client
    from producers.commands import CommandProducer

MOST_LETTERS: Final = 5_000
"""Read for one answer: what waits longer ago than these is asked for by another time."""


@dataclass(frozen=True, slots=True)
class Letters:
    """Dead letters in the order of their times; not `complete`: more of them follow."""

    found: Sequence[DeadLetter]
    complete: bool


class Desk:
    """What an operator sees and decides.

    Args:
        settings: where Kafka is.
        client: of the database; closing it is the caller's business.
    """

    def __init__(self, settings: Settings, client: Client) -> None:
        self._settings = settings
        self._client = client
        self._deciding = asyncio.Lock()
        self._reading = asyncio.Lock()

    async def partitions(self) -> list[tuple[Row, str | None]]:
        """Where each partition stands, and who works on it.

        Raises:
            BrokerUnavailable, BrokerDenied, StoreUnavailable, ServiceUnavailable: a server does not answer
                or refuses access.
        """
        owners = await MongoLookups(self._client, self._settings.mongo_database).owners(
            self._settings.topic_prefix + COMMANDS
        )
        async with position_admin(self._settings, make_store(self._settings, self._client)) as admin:
            return [(row, owners.get(row.partition)) for row in await admin.show()]

    async def decide(self, decision: Decision, partition: int) -> list[str]:
        """Carries out what a stopped partition asks for; gives lines for the operator.

        Raises:
            InputRefused: it asks for something else, outputs would be lost, or the service is running.
        """
        async with (
            self._deciding,
            position_admin(self._settings, make_store(self._settings, self._client)) as admin,
        ):
            await admin.reset(decision, [partition])
            return admin.report

    async def letters(self, query: LetterQuery) -> Letters:
        """The first MOST_LETTERS dead letters of a query; one answer at a time, however many ask."""
        found: list[DeadLetter] = []
        async with self._reading, aclosing(dead_letters(self._settings, query)) as letters:  # type: ignore[type-var]
            async for letter in letters:
                if len(found) == MOST_LETTERS:
                    return Letters(found, complete=False)
                found.append(letter)
        return Letters(found, complete=True)

    async def letter(self, id_: str) -> tuple[DeadLetter, bytes | None]:
        """One, and the value of its record; None: it has none, or it cannot be had any more.

        Raises:
            InputRefused: there is none.
        """
        letter = await dead_letter(self._settings, id_)
        if letter.value_hash is None:
            return letter, letter.value
        value, _ = await original(self._settings, letter)
        return letter, value

    async def redrive(self, letters: Sequence[DeadLetter], *, send: bool) -> list[Redriven]:
        """Sends dead letters again as they were, or tells what would be sent."""
        if not send:
            return [each async for each in self._redrive(None).run(letters)]
        async with make_command_producer(self._settings) as producer:
            return [each async for each in self._redrive(producer).run(letters)]

    async def replaced(self, letter: DeadLetter) -> bool:
        """Takes note that another record takes its place; False: it was sent again before."""
        return await self._redrive(None).replaced(letter)

    def _redrive(self, producer: CommandProducer | None) -> Redrive:
        store = MongoRedriveStore(self._client, self._settings.mongo_database)
        return Redrive(self._settings, store, producer, force=False)

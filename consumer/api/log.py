"""The log behind the API: where commands go in, and how far the database has come in it."""

from __future__ import annotations

import asyncio
import re
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, Protocol

from fastapi import Header

from consumer.api.problems import Problem
from consumer.errors import ResultTimeout

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from consumer.storage.queries import Queries
    from producers.commands import CommandProducer, Sent
    from producers.messages import CommandMessage
    from producers.results import CommandResult

POSITION_HEADER: Final = "Contracts-Position"
AT_LEAST_HEADER: Final = "Contracts-At-Least"

POLL_SECONDS: Final = 0.05

_POSITION: Final = re.compile(r"(\d{1,9})/(\d{1,18})")

AtLeast = Annotated[
    str | None,
    Header(
        alias=AT_LEAST_HEADER,
        max_length=20_000,
        description="A `Contracts-Position` of an earlier answer: this one has seen at least as much.",
    ),
]


class Answered(NamedTuple):
    """A command in the log, and what became of it; None: that is not known yet."""

    sent: Sent
    result: CommandResult | None


class CommandLog(Protocol):
    """The only way in."""

    async def put(self, message: CommandMessage, seconds: float | None) -> Answered:
        """Puts a command into the log, and waits so many seconds for what becomes of it.

        Raises:
            BrokerUnavailable, BrokerDenied, TopicsMissing: it may or may not be in the log.
        """


class KafkaLog:
    """A CommandLog over a producer, started with the first command: reading works without Kafka.

    Args:
        producer: of commands, not started yet; `close` stops it.
    """

    def __init__(self, producer: CommandProducer) -> None:
        self._producer = producer
        self._starting = asyncio.Lock()
        self._started = False

    async def put(self, message: CommandMessage, seconds: float | None) -> Answered:
        """As CommandLog says."""
        await self._start()
        if not seconds:
            return Answered(await self._producer.sent(message), None)
        sent: list[Sent] = []
        try:
            return Answered(*await self._producer.awaiting(seconds).exchange(message, on_sent=sent.append))
        except ResultTimeout:
            return Answered(sent[0], None)

    async def _start(self) -> None:
        async with self._starting:
            if not self._started:
                await self._producer.start()
                self._started = True

    async def close(self) -> None:
        """Ends the producer."""
        await self._producer.stop()


class Progress:
    """How far the database has come in the log.

    Args:
        queries: of the primary, or an answer could be older than the position that it names.
        topic: of the commands, with its prefix.
        home_of: the home partition of a key among so many.
        patience: seconds that a request may wait for a position.
    """

    def __init__(
        self, queries: Queries, *, topic: str, home_of: Callable[[bytes, int], int], patience: float
    ) -> None:
        self._queries = queries
        self._topic = topic
        self._home_of = home_of
        self._patience = patience

    async def reached(self, at_least: str | None, account_id: str | None = None) -> dict[str, str]:
        """The header that names what an answer has seen that is read from now on.

        Of one account its partition, else of all.

        Raises:
            Problem: what was asked for is no position, or was not reached in time.
        """
        wanted = positions_in(at_least)
        until = monotonic() + self._patience
        applied = await self._queries.applied(self._topic)
        while any(applied.get(partition, 0) <= offset for partition, offset in wanted.items()):
            if monotonic() > until:
                raise Problem("position_not_reached", headers={"Retry-After": "1"})
            await asyncio.sleep(POLL_SECONDS)
            applied = await self._queries.applied(self._topic)
        return await self._header(applied, account_id)

    async def _header(self, applied: Mapping[int, int], account_id: str | None) -> dict[str, str]:
        partitions = await self._queries.partitions(self._topic) if account_id is not None else None
        chosen = (
            sorted(applied) if not partitions else [self._home_of((account_id or "").encode(), partitions)]
        )
        named = [f"{p}/{applied[p] - 1}" for p in chosen if applied.get(p)]
        return {POSITION_HEADER: ", ".join(named)} if named else {}


def positions_in(text: str | None) -> dict[int, int]:
    """Offsets by partition, as a header has them: `3/41, 4/7`.

    Raises:
        Problem: it has them otherwise.
    """
    found: dict[int, int] = {}
    for part in (text or "").split(",") if text else ():
        match = _POSITION.fullmatch(part.strip())
        if match is None:
            what = {"path": AT_LEAST_HEADER, "message": "must be partition/offset, several with commas"}
            raise Problem("invalid_request", errors=[what])
        found[int(match[1])] = int(match[2])
    return found

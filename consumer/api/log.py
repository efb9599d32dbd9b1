"""The log behind the API: publishes commands, and reports the positions that the database has reached."""

from __future__ import annotations

import asyncio
import re
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, Protocol

from fastapi import Header

from consumer.api.problems import Problem
from consumer.errors import ResultTimeout, ServiceUnavailable
from consumer.storage.protocols import base_of, split_sequence
from consumer.storage.queries import AppliedPosition

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from consumer.storage.queries import Queries
    from producers.commands import CommandProducer
    from producers.messages import CommandMessage
    from producers.results import CommandResult
    from producers.sending import Sent

POSITION_HEADER: Final = "Contracts-Position"
AT_LEAST_HEADER: Final = "Contracts-At-Least"

POLL_SECONDS: Final = 0.05
NAMING_SECONDS: Final = 2.0
"""How long a request waits for the database, if it is needed only for the position in the answer."""

COUNT_SECONDS: Final = 10.0
"""How long the number of partitions is cached. Only an operator changes it, and rarely."""

_POSITION: Final = re.compile(r"(\d{1,9})/(\d{1,18})")

AtLeast = Annotated[
    str | None,
    Header(
        alias=AT_LEAST_HEADER,
        max_length=20_000,
        description="`Contracts-Position` of an earlier answer: this answer is at least as recent.",
    ),
]


class Answered(NamedTuple):
    """A published command, and its result; None: the result is not known yet."""

    sent: Sent
    result: CommandResult | None


class CommandLog(Protocol):
    """Publishes commands, which is the only way to change a contract."""

    async def put(self, message: CommandMessage, seconds: float | None) -> Answered:
        """Publishes a command, and waits up to `seconds` for its result.

        Raises:
            BrokerUnavailable, BrokerDenied, TopicsMissing: the command may or may not be in the log.
        """


class KafkaLog:
    """A CommandLog over a producer. It starts with the first command, so that reading works without Kafka.

    Args:
        producer: of commands, not started yet; `close` stops it.
    """

    def __init__(self, producer: CommandProducer) -> None:
        self._producer = producer
        self._starting = asyncio.Lock()
        self._started = False

    async def put(self, message: CommandMessage, seconds: float | None) -> Answered:
        """See CommandLog."""
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
        """Stops the producer."""
        await self._producer.stop()


class Progress:
    """The positions that the database has reached in the log.

    Args:
        queries: must read from the primary, or an answer could be older than the position that it names.
        topic: the command topic, with its prefix.
        home_of: the home partition of a key, given the number of partitions.
        patience: how long a request may wait for a position, in seconds.
    """

    def __init__(
        self, queries: Queries, *, topic: str, home_of: Callable[[bytes, int], int], patience: float
    ) -> None:
        self._queries = queries
        self._topic = topic
        self._home_of = home_of
        self._patience = patience
        self._applied: Mapping[int, AppliedPosition] = {}
        self._partitions: int | None = None
        self._looked = self._counted = -COUNT_SECONDS
        self._looking: asyncio.Task[None] | None = None

    async def reached(self, at_least: str | None, account_id: str | None = None) -> dict[str, str]:
        """Waits for the positions in `at_least`. Returns the header with those that a read now includes.

        With an account only its partition, otherwise all. The positions may be a moment old: they only grow.

        Raises:
            Problem: `at_least` is not a position, is of a log that was replaced, or was not reached in time.
        """
        wanted = positions_in(at_least)
        until = monotonic() + self._patience
        await self._look(wanted)
        while not self._has(wanted):
            if monotonic() > until:
                raise Problem("position_not_reached", headers={"Retry-After": "1"})
            await asyncio.sleep(POLL_SECONDS)
            await self._look(wanted)
        return self._header(account_id)

    async def refreshed(self) -> Mapping[int, AppliedPosition] | None:
        """The positions reached, also for `position_of` a command that is sent next; None: unknown."""
        try:
            async with asyncio.timeout(NAMING_SECONDS):
                await self._look({})
        except (ServiceUnavailable, TimeoutError):
            return None
        return self._applied

    async def seen(self, account_id: str, sequence: int) -> dict[str, str]:
        """The header for a contract that has seen this command of its account, and maybe more.

        Empty where the command is of a log that was replaced, and while the database does not say.
        """
        old = monotonic() - self._looked > COUNT_SECONDS or not self._partitions
        if (old and await self.refreshed() is None) or not self._partitions:
            return {}
        home = self._home_of(account_id.encode(), self._partitions)
        applied = self._applied.get(home)
        if applied is None or split_sequence(sequence)[0] != applied.generation:
            return {}
        return {POSITION_HEADER: f"{home}/{sequence}"}

    async def _look(self, wanted: Mapping[int, int]) -> None:
        """Reads the positions once for all requests of a moment, which is cheaper than twice for each.

        They share its failure, too: while the database does not answer, requests do not wait in a queue.
        """
        if monotonic() - self._looked < POLL_SECONDS and self._has(wanted):
            return
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_now(), name="positions")
            self._looking.add_done_callback(_heard)  # all requests that wait for it may have ended
        await asyncio.shield(self._looking)

    async def _look_now(self) -> None:
        now = monotonic()
        self._applied = await self._queries.applied(self._topic)
        if now - self._counted >= COUNT_SECONDS or self._partitions is None:
            self._partitions = await self._queries.partitions(self._topic)
            self._counted = now
        self._looked = now

    def _has(self, wanted: Mapping[int, int]) -> bool:
        for partition, sequence in wanted.items():
            applied = self._applied.get(partition)
            if applied is not None and split_sequence(sequence)[0] < applied.generation:
                # Commands of that log that were not applied are lost, and it is not known which were applied.
                raise Problem("log_replaced")
            if applied is None or applied.sequence <= sequence:
                return False
        return True

    def _header(self, account_id: str | None) -> dict[str, str]:
        chosen = sorted(self._applied)
        if account_id is not None and self._partitions:
            chosen = [self._home_of(account_id.encode(), self._partitions)]
        named = [
            f"{p}/{self._applied[p].sequence - 1}"
            for p in chosen
            if p in self._applied and self._applied[p].next
        ]
        return {POSITION_HEADER: ", ".join(named)} if named else {}


def _heard(look: asyncio.Task[None]) -> None:
    if not look.cancelled():
        look.exception()


def position_of(sent: Sent, before: Mapping[int, AppliedPosition] | None) -> dict[str, str]:
    """The header that names where a command is.

    Its offset is greater than those of all commands that were applied before it was sent. A smaller one is
    in a new log, at which the service stops until an operator decides: that log will be the next
    generation.
    """
    if before is None:
        return {}
    generation, following = before.get(sent.partition, AppliedPosition(1, 0))
    sequence = base_of(generation if sent.offset >= following else generation + 1) + sent.offset
    return {POSITION_HEADER: f"{sent.partition}/{sequence}"}


def positions_in(text: str | None) -> dict[int, int]:
    """Sequence numbers by partition, from the text of a header: `3/41, 4/7`. At first they are offsets.

    Raises:
        Problem: the text has another form.
    """
    found: dict[int, int] = {}
    for part in (text or "").split(",") if text else ():
        match = _POSITION.fullmatch(part.strip())
        if match is None:
            what = {"path": AT_LEAST_HEADER, "message": "must be a Contracts-Position of an answer"}
            raise Problem("invalid_request", errors=[what])
        found[int(match[1])] = int(match[2])
    return found

"""Redrive: sends dead letters to the command topic again, byte for byte, with a header, each once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from consumer.errors import InputRefused
from consumer.operator.dead_letters import REDRIVEN_HEADER, original
from producers.messages import CommandMessage
from schemas.limits import account_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from consumer.operator.dead_letters import DeadLetter
    from consumer.settings import Settings
    from consumer.storage.redrives import RedriveStore
    from producers.commands import CommandProducer

Fate = Literal["would be sent", "sent", "skipped", "impossible"]


@dataclass(frozen=True, slots=True)
class Redriven:
    """What happened to one dead letter: `why` it was not sent, or its `offset` in the log."""

    letter: DeadLetter
    fate: Fate
    why: str = ""
    offset: int | None = None


class Redrive:
    """Sends dead letters into the command topic, each to its home partition.

    A redrive is noted before the record is sent. If it is interrupted in between, the record counts as sent;
    `force` sends it.

    Args:
        settings: settings of the service.
        store: notes what was sent.
        producer: a started producer; None: dry run, nothing is sent.
        force: also send what was already sent.
    """

    def __init__(
        self, settings: Settings, store: RedriveStore, producer: CommandProducer | None, *, force: bool
    ) -> None:
        self._settings = settings
        self._store = store
        self._producer = producer
        self._force = force

    async def run(self, letters: Iterable[DeadLetter]) -> AsyncIterator[Redriven]:
        """Sends the dead letters in the given order."""
        for letter in letters:
            yield await self._one(letter)

    async def replaced(self, letter: DeadLetter) -> bool:
        """Notes that a corrected record was sent instead; False: it, or a corrected one, was sent before."""
        return await self._store.remember(self._name(letter), letter.source)

    async def _one(self, letter: DeadLetter) -> Redriven:
        if not self._force and (why := await self._why_not(letter)):
            return Redriven(letter, "skipped", why)
        try:
            message = await self._message(letter)
        except InputRefused as error:
            return Redriven(letter, "impossible", str(error))
        if self._producer is None:
            return Redriven(letter, "would be sent")
        if not await self._store.remember(self._name(letter), letter.source) and not self._force:
            return Redriven(letter, "skipped", "another process has just sent it")
        return Redriven(letter, "sent", offset=(await self._producer.sent(message)).offset)

    async def _message(self, letter: DeadLetter) -> CommandMessage:
        """The original record, with the header."""
        account_id = account_of(letter.key)
        if account_id is None:
            raise InputRefused("its key is not an account id: the producer must send it again")
        value, headers = await original(self._settings, letter)
        if value is None:
            raise InputRefused("it has no value: the producer must send it again")
        own = tuple(header for header in headers if header[0] != REDRIVEN_HEADER)
        mark = (REDRIVEN_HEADER, letter.id.encode())
        return CommandMessage(letter.reason, account_id, letter.id, letter.source, value, (*own, mark))

    async def _why_not(self, letter: DeadLetter) -> str:
        if letter.came_back:
            return "it was sent again before and came back"
        when = await self._store.when(self._name(letter))
        return f"it was sent again at {when:%Y-%m-%dT%H:%M:%SZ}" if when else ""

    def _name(self, letter: DeadLetter) -> str:
        """The name of a dead letter, with its time: if the topic is created again, offsets start again."""
        prefix = self._settings.topic_prefix
        return f"{prefix}/{letter.id}/{int(letter.time.timestamp() * 1000)}"

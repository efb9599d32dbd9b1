"""Sending dead letters again: byte for byte, with a mark, each once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from consumer.errors import InputRefused
from consumer.operator.dead_letters import REPLAYED_HEADER, original
from producers.messages import CommandMessage
from schemas.limits import account_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from consumer.operator.dead_letters import DeadLetter
    from consumer.settings import Settings
    from consumer.storage.replays import ReplayStore
    from producers.commands import CommandProducer

Fate = Literal["would be sent", "sent", "skipped", "impossible"]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of one dead letter; `why` when it was not sent, `offset` in the log when it was."""

    letter: DeadLetter
    fate: Fate
    why: str = ""
    offset: int | None = None


class Replay:
    """Sends dead letters into the command topic, each to its home partition.

    A record is remembered before it is sent: cut off in between, it counts as sent, and `force` sends it.

    Args:
        settings: where Kafka is.
        store: remembers what was sent.
        producer: a started one; None: nothing is sent, it is only told what would be.
        force: send what was sent before, too.
    """

    def __init__(
        self, settings: Settings, store: ReplayStore, producer: CommandProducer | None, *, force: bool
    ) -> None:
        self._settings = settings
        self._store = store
        self._producer = producer
        self._force = force

    async def run(self, letters: Iterable[DeadLetter]) -> AsyncIterator[Replayed]:
        """One after the other, in the order given."""
        for letter in letters:
            yield await self._one(letter)

    async def _one(self, letter: DeadLetter) -> Replayed:
        if not self._force and (why := await self._why_not(letter)):
            return Replayed(letter, "skipped", why)
        try:
            message = await self._message(letter)
        except InputRefused as error:
            return Replayed(letter, "impossible", str(error))
        if self._producer is None:
            return Replayed(letter, "would be sent")
        if not await self._store.remember(self._name(letter), letter.source) and not self._force:
            return Replayed(letter, "skipped", "somebody else has just sent it")
        return Replayed(letter, "sent", offset=(await self._producer.sent(message)).offset)

    async def _message(self, letter: DeadLetter) -> CommandMessage:
        """The record as it was, with the mark."""
        account_id = account_of(letter.key)
        if account_id is None:
            raise InputRefused("its key is not an account id: the producer must send it again")
        value, headers = await original(self._settings, letter)
        if value is None:
            raise InputRefused("it has no value: the producer must send it again")
        own = tuple(header for header in headers if header[0] != REPLAYED_HEADER)
        mark = (REPLAYED_HEADER, letter.id.encode())
        return CommandMessage(letter.reason, account_id, letter.id, letter.source, value, (*own, mark))

    async def _why_not(self, letter: DeadLetter) -> str:
        if letter.came_back:
            return "it was sent again before and came back"
        when = await self._store.when(self._name(letter))
        return f"it was sent again at {when:%Y-%m-%dT%H:%M:%SZ}" if when else ""

    def _name(self, letter: DeadLetter) -> str:
        """Also holds after the topic was created again, when offsets start again."""
        prefix = self._settings.topic_prefix
        return f"{prefix}/{letter.id}/{int(letter.time.timestamp() * 1000)}"

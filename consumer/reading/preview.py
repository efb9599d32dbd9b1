"""What a command would do, and what time alone will do. Nothing is stored or published.

The engine's own decoder and fold decide, over the contract as it is stored, so a preview is the decision
itself and not a copy of its rules. It leaves out what nobody knows yet: where the record will lie in the log,
and what others send until then. It holds for the version that it names: publish the command with that
`expected_version`, and the service refuses it should the contract have changed meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from consumer.arguments import checked
from consumer.domain.commands.table import OPENING, opened_id
from consumer.errors import InputRefused
from consumer.reading.future import Future
from schemas.contract import visible
from schemas.identity import IDENTITY_BYTES
from schemas.limits import MAX_COMMAND_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from consumer.domain.model import Policy
    from consumer.reading.future import ForeseenEvent, Message
    from consumer.storage.protocols import Seen
    from schemas.contract import Contract, ContractState


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be.

    Attributes:
        account_id: whose contract.
        at: the moment that was asked about, aware UTC.
        expected_version: of the contract that is stored now; None: there is none. The preview holds for it.
        before: the contract as it is stored now.
        due: the events that time alone brings until then, in order.
        result: the command's result, as its `command_result` would say; None: no command was asked about.
        events: the events of the command, in order.
        after: the contract afterwards; None: there is none.
    """

    account_id: str
    at: datetime
    expected_version: int | None
    before: ContractState | None
    due: tuple[ForeseenEvent, ...]
    result: Mapping[str, Any] | None
    events: tuple[ForeseenEvent, ...]
    after: ContractState | None

    def as_data(self) -> dict[str, Any]:
        """As JSON has it, with these names."""
        return {
            "account_id": self.account_id,
            "at": self.at,
            "expected_version": self.expected_version,
            "before": self.before,
            "due": [event._asdict() for event in self.due],
            "result": self.result,
            "events": [event._asdict() for event in self.events],
            "after": self.after,
        }


class Known(Protocol):
    """What is stored."""

    async def contract(self, account_id: str) -> Contract | None:
        """The account's current contract."""

    async def seen(self, identities: Collection[bytes]) -> Mapping[bytes, Seen]:
        """Those of these commands that were applied before."""

    async def holders(self, contract_ids: Collection[str]) -> Mapping[str, str]:
        """The accounts that have, or had, these contract ids."""


@checked
class ContractPreview:
    """Foresees what becomes of stored contracts.

    Every method may raise ServiceUnavailable: the database does not answer.

    Args:
        known: questions to the database.
        policy: what a new contract copies: the service's settings.
        clock: aware UTC.
        max_command_bytes: limit of the service.
    """

    def __init__(
        self,
        known: Known,
        policy: Policy,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        max_command_bytes: int = MAX_COMMAND_BYTES,
    ) -> None:
        self._known = known
        self._policy = policy
        self._clock = clock
        self._max_bytes = max_command_bytes

    def now(self) -> datetime:
        """The present, by the clock that it goes by."""
        return self._clock()

    async def command(self, message: Message, at: datetime | None = None) -> Preview:
        """What a command would do at a moment; None: now. What is due until then happens first.

        Raises:
            InputRefused: the moment is past, or the message would be a dead letter.
        """
        future, moment, due, before = await self._until(message.account_id, at)
        incoming = future.decode(message, moment, self._max_bytes)
        command = incoming.command
        ids = [opened_id(command, incoming.at)] if command.name in OPENING else []
        seen = await self._known.seen([command.identity[:IDENTITY_BYTES]])
        events, result = future.apply(incoming, seen, await self._known.holders(ids))
        return _preview(message.account_id, moment, before, due, future.contract, events, result)

    async def calendar(self, account_id: str, until: datetime) -> Preview:
        """What happens to the contract until a moment if nobody sends a command.

        Raises:
            InputRefused: the moment is past, or too far away.
        """
        future, moment, due, before = await self._until(account_id, until)
        return _preview(account_id, moment, before, due, future.contract)

    async def _until(
        self, account_id: str, at: datetime | None
    ) -> tuple[Future, datetime, tuple[ForeseenEvent, ...], Contract | None]:
        now = self._clock()
        moment = now if at is None else at
        if moment < now:
            raise InputRefused(
                f"{moment.isoformat()} is past: a preview is of now or of later",
                hint="`contracts get ACCOUNT --as-of WHEN` shows a contract as it was",
            )
        before = await self._known.contract(account_id)
        future = Future(account_id, before, self._policy)
        return future, moment, future.wait(now, moment), before


def _preview(
    account_id: str,
    at: datetime,
    before: Contract | None,
    due: tuple[ForeseenEvent, ...],
    after: Contract | None,
    events: tuple[ForeseenEvent, ...] = (),
    result: Mapping[str, Any] | None = None,
) -> Preview:
    return Preview(
        account_id,
        at,
        None if before is None else before["version"],
        None if before is None else visible(before),
        due,
        result,
        events,
        None if after is None else visible(after),
    )

"""What a command would do, and what time alone will do. Nothing is stored or published.

The engine's own decoder and fold decide, over the contract as it is stored, so a preview is the decision
itself and not a copy of its rules. It leaves out what nobody knows yet: where the record will lie in the log,
and what others send until then. It holds for the version that it names: publish the command with that
`expected_version`, and the service refuses it should the contract have changed meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from consumer.arguments import checked
from consumer.domain.commands.table import OPENING, opened_id
from consumer.domain.dates import add_months
from consumer.domain.differences import diff
from consumer.engine.output_data import field_data
from consumer.errors import InputRefused
from consumer.reading.future import Future
from consumer.reading.preview_many import ManyPreviewed
from schemas.contract import visible
from schemas.identity import IDENTITY_BYTES
from schemas.limits import MAX_COMMAND_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from consumer.domain.model import Policy
    from consumer.reading.future import ForeseenEvent, Known, Message
    from schemas.contract import Contract, ContractState


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be.

    Attributes:
        account_id: whose contract.
        at: the moment that was asked about, aware UTC.
        expected_version: of the contract that the command will meet, after what falls due until then; None:
            there is none. The preview holds for it.
        before: the contract as it is stored now.
        due: the events that time alone brings until then, in order.
        result: the command's result, as its `command_result` would say; None: no command was asked about.
        events: the events of the command, in order.
        after: the contract afterwards; None: there is none.
        changed_fields: from `before` to `after`, as `contracts.changed` has them: path, before, after. Empty
            where one of the two is missing, or they are two contracts.
    """

    account_id: str
    at: datetime
    expected_version: int | None
    before: ContractState | None
    due: tuple[ForeseenEvent, ...]
    result: Mapping[str, Any] | None
    events: tuple[ForeseenEvent, ...]
    after: ContractState | None
    changed_fields: tuple[Mapping[str, Any], ...]

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
            "changed_fields": list(self.changed_fields),
        }


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

    async def command(self, message: Message, at: datetime | None = None) -> Preview:
        """What a command would do at a moment; None: now. What is due until then happens first.

        Raises:
            InputRefused: the moment is past, or the message would be a dead letter.
        """
        account_id = message.account_id
        future, moment, due, before = await self._until(account_id, at)
        met = future.contract
        incoming = future.decode(message, moment, self._max_bytes)
        command = incoming.command
        ids = [opened_id(command, incoming.at)] if command.name in OPENING else []
        seen = await self._known.seen([command.identity[:IDENTITY_BYTES]])
        events, result = future.apply(incoming, seen, await self._known.holders(ids))
        after = future.contract
        return Preview(
            account_id,
            moment,
            _version(met),
            _shown(before),
            due,
            result,
            events,
            _shown(after),
            _fields(before, after),
        )

    async def calendar(self, account_id: str, until: datetime) -> Preview:
        """What happens to the contract until a moment if nobody sends a command.

        Raises:
            InputRefused: the moment is past, or too far away.
        """
        future, moment, due, before = await self._until(account_id, until)
        after = future.contract
        return Preview(
            account_id,
            moment,
            _version(after),
            _shown(before),
            due,
            None,
            (),
            _shown(after),
            _fields(before, after),
        )

    async def coming_months(self, account_id: str, months: int = 12) -> Preview:
        """The same for so many months from now.

        Raises:
            InputRefused: that is too far away.
        """
        now = self._clock()
        return await self.calendar(account_id, add_months(now, months, now.day))

    def many(self, at: datetime | None = None) -> ManyPreviewed:
        """Takes many commands, one after the other, and sums up what all of them would do at a moment.

        Raises:
            InputRefused: the moment is past.
        """
        now = self._clock()
        return ManyPreviewed(
            self._known, self._policy, now=now, at=_not_past(at, now), max_command_bytes=self._max_bytes
        )

    async def _until(
        self, account_id: str, at: datetime | None
    ) -> tuple[Future, datetime, tuple[ForeseenEvent, ...], Contract | None]:
        now = self._clock()
        moment = _not_past(at, now)
        before = (await self._known.contracts([account_id])).get(account_id)
        future = Future(account_id, before, self._policy)
        return future, moment, future.wait(now, moment), before


def _not_past(at: datetime | None, now: datetime) -> datetime:
    if at is None or at >= now:
        return at or now
    raise InputRefused(
        f"{at.isoformat()} is past: a preview is of now or of later",
        hint="`contracts get ACCOUNT --as-of WHEN` shows a contract as it was",
    )


def _version(contract: Contract | None) -> int | None:
    return None if contract is None else contract["version"]


def _shown(contract: Contract | None) -> ContractState | None:
    return None if contract is None else visible(contract)


def _fields(before: Contract | None, after: Contract | None) -> tuple[Mapping[str, Any], ...]:
    if before is None or after is None or before["contract_id"] != after["contract_id"]:
        return ()
    return tuple(map(field_data, diff(before, after)))

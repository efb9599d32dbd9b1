"""What a command would do, and what becomes due without one. Nothing is stored or published.

The decoder and fold of the engine compute it from the stored contract, so the rules are the same. It cannot
know the offset of the record, and the commands that others send until then. The preview is valid for the
version that it names: publish the command with this `expected_version`, and the service rejects it if the
contract has changed meanwhile.
"""

from __future__ import annotations

from contextlib import nullcontext
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
from schemas.identity import IDENTITY_BYTES
from schemas.limits import MAX_COMMAND_BYTES
from schemas.views import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from consumer.domain.model import Policy
    from consumer.reading.future import ForeseenEvent, Known, Message
    from schemas.contract import Contract, ContractState


@dataclass(frozen=True, slots=True)
class Preview:
    """The result of a preview.

    Attributes:
        account_id: the account.
        at: the time of the preview, aware UTC.
        expected_version: the version of the contract before the command, after what is due until then; None:
            there is no contract, or the command opens the next. The preview is valid for it.
        before: the contract as it is stored now.
        due: the events of what becomes due until then, in order.
        result: the command's result, as in its `command_result`; None: a preview without a command.
        events: the events of the command, in order.
        after: the contract afterwards; None: there is none.
        changed_fields: the differences between `before` and `after`, as in `contracts.changed`: path, before,
            after. Empty if one of them is missing, or if they are two contracts.
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
        """As a JSON object with these names."""
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
    """Previews of stored contracts.

    Every method may raise ServiceUnavailable: the database does not answer.

    Args:
        known: queries on the database.
        policy: the defaults of a new contract, from the service's settings.
        clock: aware UTC.
        max_command_bytes: CONTRACTS_MAX_COMMAND_BYTES of the service.
        turn: entered to compute what becomes due: a program with other work lets in one at a time.
    """

    def __init__(
        self,
        known: Known,
        policy: Policy,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        max_command_bytes: int = MAX_COMMAND_BYTES,
        turn: Callable[[], AbstractAsyncContextManager[object]] = nullcontext,
    ) -> None:
        self._known = known
        self._turn = turn
        self._policy = policy
        self._clock = clock
        self._max_bytes = max_command_bytes

    async def command(self, message: Message, at: datetime | None = None) -> Preview:
        """What a command would do at a time; None: now. What is due until then is applied first.

        Raises:
            InputRefused: the time is in the past, or the message would be a dead letter.
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
            None if command.name in OPENING else _version(met),
            _shown(before),
            due,
            result,
            events,
            _shown(after),
            _fields(before, after),
        )

    async def calendar(self, account_id: str, until: datetime) -> Preview:
        """What becomes due on the contract until a time, without a command.

        Raises:
            InputRefused: the time is in the past, or too far in the future.
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
        """The same for a number of months from now.

        Raises:
            InputRefused: it is too far in the future.
        """
        now = self._clock()
        return await self.calendar(account_id, add_months(now, months, now.day))

    def many(self, at: datetime | None = None) -> ManyPreviewed:
        """Applies many commands one after the other, and sums up what they would do at a time.

        Raises:
            InputRefused: the time is in the past.
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
        if not future.is_due(moment):
            return future, moment, (), before
        async with self._turn():
            return future, moment, await future.wait(now, moment), before


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

"""The service in memory, for tests of other programs: no servers, no waiting, and a clock that tests set.

    kit = Testkit(now=datetime(2026, 1, 31, tzinfo=UTC))
    await kit.create("account-1", contract_type="basic", auto_renewal=False)
    await kit.move(timedelta(days=365))
    assert [event.data["change"] for event in kit.changes("account-1")] == [
        "created", "renewal_started", "expired",
    ]

It uses the decoder, fold and encoder of the service, so it publishes what the service would publish. It can
replace a CommandProducer, with or without `awaiting()`: every command has its result at once. To test an
event handler, call it with each `event.record`.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Self

from consumer.arguments import checked
from consumer.domain.commands.advance import SOURCE as SCANNER
from consumer.domain.commands.advance import advance_id
from consumer.domain.model import Policy
from consumer.reading.preview import ContractPreview
from consumer.storage.memory import MemoryStore
from producers.kit_outputs import DeadLetter, KitRecord, PublishedEvent
from producers.kit_partition import KitPartition
from producers.messages import command_message
from producers.previews import PreviewedCommands
from producers.results import CommandResult
from producers.typed import TypedCommands
from schemas.views import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from consumer.storage.protocols import Store
    from producers.messages import CommandMessage
    from schemas.contract import Contract, ContractState

__all__ = ["KitRecord", "PublishedEvent", "DeadLetter", "Testkit"]  # noqa: RUF022 - from the parts to the whole

START: Final = datetime(2026, 1, 1, tzinfo=UTC)


@checked
class Testkit(TypedCommands[CommandResult]):
    """A contract service of one partition.

    Args:
        now: the time of the first command.
        policy: defaults of new contracts, which the service takes from its settings.
        source: `ce_source` of the commands.
        store: stores contracts and history, for tests of programs that read them.
    """

    __test__ = False  # otherwise pytest collects it as a test, because of its name

    def __init__(
        self,
        *,
        now: datetime = START,
        policy: Policy | None = None,
        source: str = "/testkit",
        store: Store | None = None,
    ) -> None:
        self.now = now
        self._source = source
        self._partition = KitPartition(store or MemoryStore(), policy or Policy())
        outputs = self._partition.outputs
        self.events, self.results = outputs.events, outputs.results
        self.dead_letters, self.states = outputs.dead_letters, outputs.states

    def contract(self, account_id: str) -> ContractState | None:
        """The account's current contract, in the form of ContractReader."""
        contract = self._partition.current.get(account_id)
        return None if contract is None else visible(contract)

    def changes(self, account_id: str | None = None) -> list[PublishedEvent]:
        """The `changed` events so far, of one account or of all."""
        return [e for e in self.events if e.name == "changed" and account_id in {None, e.account_id}]

    def awaiting(self, timeout: float | None = None) -> Self:  # noqa: ARG002 - nothing takes time here
        """Itself."""
        return self

    def previewing(self, at: datetime | None = None) -> PreviewedCommands:
        """The commands as methods that return previews at a time; None: `now`. Applies nothing."""
        return PreviewedCommands(self, self.preview(), at)

    def preview(self) -> ContractPreview:
        """Computes previews for the kit's contracts."""
        return ContractPreview(self._partition, self._partition.policy, clock=lambda: self.now)

    def message(
        self,
        name: str,
        account_id: str,
        data: Mapping[str, Any],
        *,
        command_id: str | None = None,
        correlation_id: str | None = None,
    ) -> CommandMessage:
        """A checked command, for `send`, `result` and `publish_all`.

        Raises:
            InputRefused: the data does not fit the command's schema.
        """
        return command_message(
            name,
            account_id,
            data,
            source=self._source,
            command_id=command_id,
            correlation_id=correlation_id,
            at=self.now,
        )

    async def publish(
        self,
        name: str,
        account_id: str,
        data: Mapping[str, Any],
        *,
        command_id: str | None = None,
        correlation_id: str | None = None,
    ) -> CommandResult:
        """Applies a command at `now` and returns its result.

        Raises:
            InputRefused: the data does not fit the command's schema.
        """
        message = self.message(name, account_id, data, command_id=command_id, correlation_id=correlation_id)
        return await self.result(message)

    async def publish_all(self, messages: Iterable[CommandMessage]) -> list[CommandResult]:
        """Applies many commands, in their order."""
        return [await self.result(message) for message in messages]

    async def send(self, message: CommandMessage) -> asyncio.Future[CommandResult]:
        """Applies a message. The returned task is already done."""
        done = asyncio.get_running_loop().create_future()
        done.set_result(await self.result(message))
        return done

    async def result(self, message: CommandMessage) -> CommandResult:
        """Applies a message and returns its result."""
        await self.deliver(message.key, message.value, message.headers)
        return self.results[-1]

    async def deliver(
        self, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]] = ()
    ) -> None:
        """Applies any record at `now`. It may be an invalid one, which becomes a dead letter."""
        await self._partition.deliver(key, value, headers, self.now)

    async def move(self, by: timedelta) -> None:
        """Lets time pass. Everything that becomes due meanwhile is applied at its due time."""
        await self.move_to(self.now + by)

    async def move_to(self, at: datetime) -> None:
        """Lets time pass until `at`, as if the scanner ran all the time."""
        while (next_due := _next_due(self._partition.current.values())) is not None and next_due[0] <= at:
            self.now = max(self.now, next_due[0])
            await self.result(_advance(*next_due, self.now))
        self.now = max(self.now, at)


def _advance(due: datetime, contract: Contract, now: datetime) -> CommandMessage:
    """An `advance` command, as the scanner sends it."""
    name = contract["contract_id"]
    return command_message(
        "advance",
        contract["account_id"],
        {"contract_id": name, "due_at": due},
        source=SCANNER,
        command_id=advance_id(name, due),
        at=now,
    )


def _next_due(contracts: Iterable[Contract]) -> tuple[datetime, Contract] | None:
    due = [
        (moment, contract)
        for contract in contracts
        if (moment := contract["lifecycle"]["next_action_at"]) is not None
    ]
    return min(due, key=lambda each: (each[0], each[1]["account_id"]), default=None)

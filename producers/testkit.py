"""The service in memory, for the tests of those who use it: no servers, no waiting, time at will.

    kit = Testkit(now=datetime(2026, 1, 31, tzinfo=UTC))
    await kit.create("account-1", contract_type="basic", auto_renewal=False)
    await kit.move(timedelta(days=365))
    assert [event.data["change"] for event in kit.changes("account-1")] == [
        "created", "renewal_started", "expired",
    ]

It decodes, folds and encodes with the service's own code, so that what it publishes is what the service
would publish. It can stand in for a CommandProducer, with `awaiting()` or without: every command has its
result at once. To try a handler, give it each `event.record`.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Self

import orjson

from consumer.arguments import checked
from consumer.domain.commands.advance import SOURCE as SCANNER
from consumer.domain.commands.advance import advance_id
from consumer.domain.model import Policy
from consumer.engine.apply import Share, apply
from consumer.engine.collected import Collected
from consumer.engine.decoder import Decoder
from consumer.engine.encoder import Encoder
from consumer.reading.preview import ContractPreview
from consumer.storage.memory import MemoryStore
from consumer.storage.protocols import Origin, Position
from producers.messages import command_message
from producers.previews import PreviewedCommands
from producers.results import CommandResult
from producers.typed import TypedCommands
from schemas.contract import visible
from schemas.messages import TYPE_PREFIX
from schemas.topics import COMMANDS, DEAD_LETTERS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from consumer.engine.fold import Fold
    from consumer.engine.records import Record
    from consumer.kafka.recordbatches import Output
    from consumer.stages import Stage
    from consumer.storage.protocols import BatchTransaction, Seen, Store
    from producers.messages import CommandMessage
    from schemas.contract import Contract, ContractState

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
PARTITION: Final = f"{COMMANDS}/0"
_OWNER: Final = "testkit"


@dataclass(frozen=True, slots=True)
class KitRecord:
    """A record of the log, as aiokafka and others hand it to their users."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class PublishedEvent:
    """An event, and the record that its consumers get; `data` is the parsed JSON."""

    name: str
    topic: str
    account_id: str
    headers: Mapping[str, str]
    data: Any
    record: KitRecord


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that was no command."""

    reason: str
    message: str
    path: str
    key: bytes | None
    value: bytes | None


@checked
class Testkit(TypedCommands[CommandResult]):
    """A contract service of one partition.

    Args:
        now: time of the first command.
        policy: defaults of new contracts; the service takes them from its settings.
        source: `ce_source` of the commands.
        store: where contracts and history go, for tests of what reads them.
    """

    __test__ = False  # pytest takes classes named Test… for tests

    def __init__(
        self,
        *,
        now: datetime = START,
        policy: Policy | None = None,
        source: str = "/testkit",
        store: Store | None = None,
    ) -> None:
        self.now = now
        self.events: list[PublishedEvent] = []
        self.results: list[CommandResult] = []
        self.dead_letters: list[DeadLetter] = []
        self._policy = policy or Policy()
        self._source = source
        self._store: Store = store or MemoryStore()
        self._decoder = Decoder(1)
        self._encoder = Encoder(0)
        self._contracts: dict[str, Contract] = {}
        self._ends: Counter[str] = Counter()
        self._position: Position | None = None

    def contract(self, account_id: str) -> ContractState | None:
        """The account's current contract, as readers show it."""
        contract = self._contracts.get(account_id)
        return None if contract is None else visible(contract)

    def changes(self, account_id: str | None = None) -> list[PublishedEvent]:
        """The `changed` events so far, of one account or of all."""
        return [
            event
            for event in self.events
            if event.name == "changed" and account_id in {None, event.account_id}
        ]

    def awaiting(self, timeout: float | None = None) -> Self:  # noqa: ARG002 - nothing takes time here
        """Itself."""
        return self

    def previewing(self, at: datetime | None = None) -> PreviewedCommands:
        """The commands as methods that tell what each would do at a moment; None: `now`. Nothing is done."""
        return PreviewedCommands(self, self.preview(), at)

    def preview(self) -> ContractPreview:
        """Foresees what becomes of the kit's contracts."""
        known = _Known(self._store, self._claimed)
        return ContractPreview(known, self._policy, clock=lambda: self.now)

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
            InputRefused: it does not fit its schema.
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
        """Applies a command at `now` and returns what became of it.

        Raises:
            InputRefused: it does not fit its schema.
        """
        return await self.result(
            self.message(name, account_id, data, command_id=command_id, correlation_id=correlation_id)
        )

    async def publish_all(self, messages: Iterable[CommandMessage]) -> list[CommandResult]:
        """Applies many, in their order."""
        return [await self.result(message) for message in messages]

    async def send(self, message: CommandMessage) -> asyncio.Future[CommandResult]:
        """Applies a message; what it returns is done already."""
        done = asyncio.get_running_loop().create_future()
        done.set_result(await self.result(message))
        return done

    async def result(self, message: CommandMessage) -> CommandResult:
        """Applies a message and returns what became of it."""
        await self.deliver(message.key, message.value, message.headers)
        return self.results[-1]

    async def deliver(
        self, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]] = ()
    ) -> None:
        """Applies any record at `now`, whoever may have written it: it may be a dead letter."""
        position = self._position or await self._claimed()
        record = KitRecord(COMMANDS, 0, position.next, _milliseconds(self.now), key, value, headers)
        await self._fold(record, position)

    async def move(self, by: timedelta) -> None:
        """Lets time pass; what falls due on the way happens when it is due."""
        await self.move_to(self.now + by)

    async def move_to(self, at: datetime) -> None:
        """Lets time pass until `at`, with a scanner that never sleeps."""
        while (next_due := self._next_due()) is not None and next_due[0] <= at:
            due, contract = next_due
            self.now = max(self.now, due)
            await self.result(self._advance(contract, due))
        self.now = max(self.now, at)

    def _advance(self, contract: Contract, due: datetime) -> CommandMessage:
        """As the service's scanner sends it."""
        name = contract["contract_id"]
        return command_message(
            "advance",
            contract["account_id"],
            {"contract_id": name, "due_at": due},
            source=SCANNER,
            command_id=advance_id(name, due),
            at=self.now,
        )

    def _next_due(self) -> tuple[datetime, Contract] | None:
        due = [
            (moment, contract)
            for contract in self._contracts.values()
            if (moment := contract["lifecycle"]["next_action_at"]) is not None
        ]
        return min(due, key=lambda each: (each[0], each[1]["account_id"]), default=None)

    async def _claimed(self) -> Position:
        claimed = await self._store.claim([PARTITION], _OWNER)
        if PARTITION not in claimed:
            initial = Position(PARTITION, Origin("testkit", "testkit", 1), next=0)
            await self._store.begin(initial, _OWNER)
            return initial
        return claimed[PARTITION]

    async def _fold(self, record: Record, position: Position) -> None:
        outputs = Collected()
        share = Share(position, [self._decoder.decode(record)], record.offset + 1, {}, self._encoder, outputs)
        async with self._store.transaction(_OWNER, 0) as transaction:
            (applied,) = await apply(
                transaction,
                [share],
                policy=self._policy,
                output_bytes=sys.maxsize,
                all_ids=True,
                stage=_unmeasured,
            )
        self._position = applied.position
        self._take(applied.fold, outputs)

    def _take(self, fold: Fold, outputs: Collected) -> None:
        for account, contract in fold.accounts.contracts.items():
            if contract is None:
                self._contracts.pop(account, None)
            else:
                self._contracts[account] = contract
        for output in outputs.outputs:
            self._publish(output)

    def _publish(self, output: Output) -> None:
        headers = {name: (content or b"").decode() for name, content in output.headers}
        if output.topic == DEAD_LETTERS:
            reason, message, path = (headers[f"dlq-{name}"] for name in ("reason", "message", "path"))
            self.dead_letters.append(DeadLetter(reason, message, path, output.key, output.value))
            return
        account = (output.key or b"").decode()
        name = headers["ce_type"].removeprefix(TYPE_PREFIX).removesuffix(".v1")
        data = orjson.loads(output.value or b"null")
        topic, partition, key, value, sent, timestamp = output
        record = KitRecord(topic, partition, self._ends[topic], timestamp, key, value, sent)
        self._ends[topic] += 1
        self.events.append(PublishedEvent(name, output.topic, account, headers, data, record))
        if name == "command_result":
            self.results.append(CommandResult.from_data(account, data))


class _Known:
    """What the kit's store holds; see `consumer.reading.preview.Known`."""

    def __init__(self, store: Store, claim: Callable[[], Awaitable[Position]]) -> None:
        self._store = store
        self._claim = claim

    async def contracts(self, accounts: Collection[str]) -> Mapping[str, Contract]:
        async with self._asking() as transaction:
            return await transaction.contracts(accounts)

    async def seen(self, identities: Collection[bytes]) -> Mapping[bytes, Seen]:
        async with self._asking() as transaction:
            return await transaction.seen(identities)

    async def holders(self, contract_ids: Collection[str]) -> Mapping[str, str]:
        async with self._asking() as transaction:
            return await transaction.holders(contract_ids)

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[BatchTransaction]:
        await self._claim()
        async with self._store.transaction(_OWNER, 0) as transaction:
            yield transaction


def _unmeasured(_: Stage) -> AbstractContextManager[None]:
    return nullcontext()


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)

"""The log of one account, continued in memory: the engine's decoder and fold on unwritten records."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from consumer.domain.commands.advance import SOURCE, advance_id
from consumer.engine.collected import Collected, event_of
from consumer.engine.command_outputs import milliseconds
from consumer.engine.decoder import Decoder
from consumer.engine.encoder import Encoder
from consumer.engine.fold import Fold
from consumer.engine.records import Incoming, Misplaced, Undecodable
from consumer.errors import InputRefused
from consumer.storage.protocols import base_of, split_sequence
from schemas.cloudevents import CONTENT_TYPE, JSON_MEDIA_TYPE, SPEC_VERSION
from schemas.commands import COMMANDS
from schemas.contract import to_json
from schemas.limits import MAX_COMMAND_BYTES
from schemas.topics import COMMANDS as TOPIC
from schemas.topics import DEAD_LETTERS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from consumer.domain.model import Policy
    from consumer.storage.history import Seen
    from schemas.contract import Contract

MOST_EVENTS: Final = 1_000
"""Limit of events in one preview: half a second of work. A monthly contract makes as many in 16 years."""


class Message(Protocol):
    """A command that could be sent, as `producers.messages.command_message` returns it."""

    @property
    def account_id(self) -> str: ...  # noqa: D102
    @property
    def key(self) -> bytes: ...  # noqa: D102
    @property
    def value(self) -> bytes: ...  # noqa: D102
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...  # noqa: D102


class Known(Protocol):
    """The queries on what is stored."""

    async def contracts(self, accounts: Collection[str]) -> Mapping[str, Contract]:
        """The current contracts of these accounts; accounts without one are left out."""

    async def seen(self, identities: Collection[bytes]) -> Mapping[bytes, Seen]:
        """The history entries of those of these commands that were applied before."""

    async def holders(self, contract_ids: Collection[str]) -> Mapping[str, str]:
        """The accounts that have, or had, these contract ids."""


class ForeseenEvent(NamedTuple):
    """An event as it would be published; `data` is its parsed JSON."""

    name: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Record:
    """The offset that the next record of the log would have."""

    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]
    topic: str = TOPIC
    partition: int = 0


class Future:
    """Applies commands to one account's contract, in memory.

    Attributes:
        contract: the contract now; None: the account has none.
    """

    def __init__(self, account_id: str, contract: Contract | None, policy: Policy) -> None:
        self.contract = contract
        self._account_id = account_id
        self._policy = policy
        sequence = -1 if contract is None else contract["lifecycle"]["offset"]
        self._generation, last = split_sequence(max(sequence, 0))
        self._next = last + 1 if sequence >= 0 else 0

    def decode(self, message: Message, at: datetime, max_bytes: int = MAX_COMMAND_BYTES) -> Incoming:
        """The command as the engine would decode it from the log.

        Raises:
            InputRefused: it would be a dead letter.
        """
        found = self.read(message, at, max_bytes)
        if isinstance(found, Incoming):
            return found
        errors = [(each["path"], each["message"]) for each in found.errors]
        raise InputRefused(f"would be a dead letter, {found.code}: {found.message}", errors=errors)

    def read(self, message: Message, at: datetime, max_bytes: int) -> Incoming | Undecodable:
        """What the engine would decode from the log: a command, or a dead letter."""
        record = _Record(self._next, milliseconds(at), message.key, message.value, message.headers)
        self._next += 1
        found = Decoder(1, max_command_bytes=max_bytes, base=base_of(self._generation)).decode(record)
        if isinstance(found, Misplaced):
            raise TypeError("a topic of one partition is every account's home")
        return found

    def apply(
        self, record: Incoming | Undecodable, seen: Mapping[bytes, Seen], holders: Mapping[str, str]
    ) -> tuple[tuple[ForeseenEvent, ...], Mapping[str, Any]]:
        """The outputs of the record: its events, and the data of its result."""
        collected = Collected()
        fold = Fold(
            contracts={self._account_id: self.contract},
            seen=seen,
            tallies={},
            policy=self._policy,
            encoder=Encoder(0, state=False),
            writer=collected,
            generation=self._generation,
            holders=dict(holders),
        )
        fold.add(record)
        self.contract = fold.accounts.contracts[self._account_id]
        published = [output for output in collected.outputs if output.topic != DEAD_LETTERS]
        *events, result = (ForeseenEvent(*event_of(output)) for output in published)
        return tuple(events), result.data

    def is_due(self, until: datetime) -> bool:
        """Whether something becomes due until a time."""
        return self.contract is not None and _due(self.contract, until) is not None

    async def wait(self, now: datetime, until: datetime) -> tuple[ForeseenEvent, ...]:
        """What becomes due until a time, as if the scanner ran continuously.

        What was due before `now` is applied at `now`. Other tasks run after each step: years take a part of a
        second, and the other requests of the API must not wait for it.

        Raises:
            InputRefused: there are too many events until then.
        """
        found: list[ForeseenEvent] = []
        while (contract := self.contract) is not None and (due := _due(contract, until)) is not None:
            incoming = self.decode(self._advance(contract, due), max(now, due))
            events, _ = self.apply(incoming, {}, {})
            found += events
            await asyncio.sleep(0)
            if len(found) > MOST_EVENTS:
                raise InputRefused(
                    f"more than {MOST_EVENTS:,} events until {until.isoformat()}: choose an earlier time"
                )
        return tuple(found)

    def _advance(self, contract: Contract, due: datetime) -> _Advance:
        data = {"contract_id": contract["contract_id"], "due_at": due}
        return _Advance(self._account_id, to_json(data), advance_id(contract["contract_id"], due))


def _due(contract: Contract, until: datetime) -> datetime | None:
    due = contract["lifecycle"]["next_action_at"]
    return due if due is not None and due <= until else None


class _Advance(NamedTuple):
    """The command, as the scanner would send it."""

    account_id: str
    value: bytes
    command_id: str

    @property
    def key(self) -> bytes:
        return self.account_id.encode()

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        return (
            ("ce_specversion", SPEC_VERSION.encode()),
            ("ce_id", self.command_id.encode()),
            ("ce_source", SOURCE.encode()),
            ("ce_type", COMMANDS["advance"].type.encode()),
            (CONTENT_TYPE, JSON_MEDIA_TYPE.encode()),
        )

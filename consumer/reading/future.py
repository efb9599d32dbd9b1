"""One account's log going on, in memory: the engine's decoder and fold over records that nobody wrote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import orjson

from consumer.domain.commands.advance import SOURCE, advance_id
from consumer.engine.collected import Collected
from consumer.engine.decoder import Decoder
from consumer.engine.encoder import Encoder, milliseconds
from consumer.engine.fold import Fold
from consumer.engine.records import Incoming, Misplaced, Undecodable
from consumer.errors import InputRefused
from consumer.storage.protocols import base_of, place_of
from schemas.cloudevents import CONTENT_TYPE, JSON_MEDIA_TYPE, SPEC_VERSION
from schemas.commands import COMMANDS
from schemas.contract import to_json
from schemas.limits import MAX_COMMAND_BYTES
from schemas.messages import TYPE_PREFIX
from schemas.topics import COMMANDS as TOPIC
from schemas.topics import DEAD_LETTERS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from consumer.domain.model import Policy
    from consumer.kafka.recordbatches import Output
    from consumer.storage.protocols import Seen
    from schemas.contract import Contract

MOST_EVENTS: Final = 10_000
"""Fifty years of a monthly contract bring half as many."""


class Message(Protocol):
    """A command that could be sent, as `producers.messages.command_message` makes it."""

    @property
    def account_id(self) -> str: ...  # noqa: D102
    @property
    def key(self) -> bytes: ...  # noqa: D102
    @property
    def value(self) -> bytes: ...  # noqa: D102
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...  # noqa: D102


class Known(Protocol):
    """What is stored."""

    async def contracts(self, accounts: Collection[str]) -> Mapping[str, Contract]:
        """The current contracts of these accounts; accounts without one are left out."""

    async def seen(self, identities: Collection[bytes]) -> Mapping[bytes, Seen]:
        """Those of these commands that were applied before."""

    async def holders(self, contract_ids: Collection[str]) -> Mapping[str, str]:
        """The accounts that have, or had, these contract ids."""


class ForeseenEvent(NamedTuple):
    """An event as it would be published; `data` is its parsed JSON."""

    name: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Record:
    """Stands where the next record of the log would."""

    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]
    topic: str = TOPIC
    partition: int = 0


class Future:
    """What becomes of one account's contract.

    Attributes:
        contract: as it has become; None: the account has none.
    """

    def __init__(self, account_id: str, contract: Contract | None, policy: Policy) -> None:
        self.contract = contract
        self._account_id = account_id
        self._policy = policy
        sequence = -1 if contract is None else contract["lifecycle"]["offset"]
        self._generation, last = place_of(max(sequence, 0))
        self._next = last + 1 if sequence >= 0 else 0

    def decode(self, message: Message, at: datetime, max_bytes: int = MAX_COMMAND_BYTES) -> Incoming:
        """The command as the engine would read it from the log.

        Raises:
            InputRefused: it would be a dead letter.
        """
        found = self.read(message, at, max_bytes)
        if isinstance(found, Incoming):
            return found
        errors = [(each["path"], each["message"]) for each in found.errors]
        raise InputRefused(f"would be a dead letter, {found.code}: {found.message}", errors=errors)

    def read(self, message: Message, at: datetime, max_bytes: int) -> Incoming | Undecodable:
        """What the message would be in the log, a command or a dead letter."""
        record = _Record(self._next, milliseconds(at), message.key, message.value, message.headers)
        self._next += 1
        found = Decoder(1, max_command_bytes=max_bytes, base=base_of(self._generation)).decode(record)
        if isinstance(found, Misplaced):
            raise TypeError("a topic of one partition is every account's home")
        return found

    def apply(
        self, record: Incoming | Undecodable, seen: Mapping[bytes, Seen], holders: Mapping[str, str]
    ) -> tuple[tuple[ForeseenEvent, ...], Mapping[str, Any]]:
        """What the record publishes: its events, and the data of its result."""
        collected = Collected()
        fold = Fold(
            contracts={self._account_id: self.contract},
            seen=seen,
            tallies={},
            policy=self._policy,
            encoder=Encoder(0),
            writer=collected,
            generation=self._generation,
            holders=dict(holders),
        )
        fold.add(record)
        self.contract = fold.accounts.contracts[self._account_id]
        published = [output for output in collected.outputs if output.topic != DEAD_LETTERS]
        *events, result = map(_event, published)
        return tuple(events), result.data

    def wait(self, now: datetime, until: datetime) -> tuple[ForeseenEvent, ...]:
        """What falls due until a moment, with a scanner that never sleeps.

        What should have happened before `now` happens then.

        Raises:
            InputRefused: more happens until then than anybody could read.
        """
        found: list[ForeseenEvent] = []
        while (contract := self.contract) is not None:
            due = contract["lifecycle"]["next_action_at"]
            if due is None or due > until:
                break
            incoming = self.decode(self._advance(contract, due), max(now, due))
            events, _ = self.apply(incoming, {}, {})
            found += events
            if len(found) > MOST_EVENTS:
                raise InputRefused(
                    f"more than {MOST_EVENTS:,} events until {until.isoformat()}: ask for less"
                )
        return tuple(found)

    def _advance(self, contract: Contract, due: datetime) -> _Advance:
        data = {"contract_id": contract["contract_id"], "due_at": due}
        return _Advance(self._account_id, to_json(data), advance_id(contract["contract_id"], due))


class _Advance(NamedTuple):
    """The command, as the scanner sends it."""

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


def _event(output: Output) -> ForeseenEvent:
    headers = dict(output.headers)
    name = (headers["ce_type"] or b"").decode().removeprefix(TYPE_PREFIX).removesuffix(".v1")
    return ForeseenEvent(name, orjson.loads(output.value or b"null"))

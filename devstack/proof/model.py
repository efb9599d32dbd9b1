"""What must have come of a command log: the pure decisions folded one by one, and nothing else.

From the service this takes the decoder (which records are commands) and `decide` (what a command
does). What is stored and published is put together here again, from SPEC to JSON, so that a mistake
in the pipeline's batches, encoder or store cannot hide in the expectation.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from consumer.domain.decider import decide
from consumer.domain.model import Policy
from consumer.pipeline.decoder import Decoder
from consumer.pipeline.homes import murmur2_home
from consumer.pipeline.records import Incoming, Misplaced, Undecodable
from devstack.proof.rendering import event_data, kept, letter_content, outcome_data, plain, reference

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.domain.model import Event
    from devstack.proof.records import LogRecord
    from schemas.cloudevents import Envelope

TYPE_PREFIX = "com.easytrade.contract."
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TOPIC_OF = {
    "changed": "contracts.changed",
    "expiring": "contracts.expiring",
    "renewal_notice": "contracts.renewal-notices",
    "command_result": "contracts.command-results",
}


class Expected(NamedTuple):
    """One record that must be in an output topic, once. `id` is unique among all outputs."""

    id: str
    topic: str
    partition: int
    account: str
    key: bytes | None
    headers: dict[str, str | None]
    data: Any
    """Parsed JSON; of dead letters the value's bytes."""


class Entry(NamedTuple):
    """One entry that must be in the history."""

    partition: int
    offset: int
    occurred_at: datetime
    outcome: str
    code: str | None = None
    account_id: str | None = None
    contract_id: str | None = None
    version: int | None = None
    type: str | None = None
    source: str | None = None
    command_id: str | None = None
    requested_by: str | None = None
    changes: Any = None


class Model:
    """The fold of one command topic, record by record, in the order of each partition's offsets."""

    def __init__(
        self,
        partitions: int,
        *,
        policy: Policy | None = None,
        home_of: Callable[[bytes, int], int] = murmur2_home,
        generation: int = 1,
    ) -> None:
        self.policy = policy or Policy()
        self.generation = generation
        self.contracts: dict[str, Any] = {}
        self.former: dict[str, Any] = {}
        self.history: dict[bytes, Entry] = {}
        self.outputs: list[Expected] = []
        self.misplaced: dict[str, tuple[LogRecord, int]] = {}
        self.forwarded: list[LogRecord] = []
        self.last: dict[int, LogRecord] = {}
        self.homes: dict[str, int] = {}
        """In which partition an account's commands are."""
        self.commands = 0
        self._decoder = Decoder(partitions, home_of=home_of, base=(generation - 1) << 48)

    def fold(self, record: LogRecord) -> None:
        """The next record of its partition."""
        self.last[record.partition] = record
        if not record.readable:
            bare = record._replace(key=None, value=None, headers=[])
            letter = Undecodable("unreadable", "the client cannot parse this record", "", bare)
            return self._dead_letter(letter, bare)
        if (origin := record.header("contracts-forwarded-from")) and origin.startswith(f"{record.topic}/"):
            self.forwarded.append(record)
        decoded = self._decoder.decode(record)
        match decoded:
            case Incoming():
                self._command(decoded, record)
            case Undecodable():
                self._dead_letter(decoded, record)
            case Misplaced():
                self.misplaced[record.place] = (record, decoded.home)
                self.history[self._place(record)] = Entry(
                    record.partition, record.offset, _time(record), "forwarded"
                )
        return None

    def _command(self, incoming: Incoming, record: LogRecord) -> None:
        self.commands += 1
        command = incoming.command
        account = command.account_id
        self.homes[account] = record.partition
        contract = self.contracts.get(account)
        now = _time(record) if contract is None else max(_time(record), contract["lifecycle"]["at"])
        identity = command.identity[:16]
        if not incoming.spec.deduplicated:
            identity = self._place(record)
        elif (first := self.history.get(identity)) is not None:
            return self._duplicate(incoming, record, first, now)
        decision = decide(contract, command, now, self.policy)
        if decision.contract is None:
            self.contracts.pop(account, None)
        else:
            self.contracts[account] = decision.contract
        if decision.former is not None:
            self.former[decision.former["contract_id"]] = decision.former
        for ordinal, event in enumerate(decision.events):
            self._event(event, incoming, record, identity, ordinal, now)
        result = outcome_data(decision)
        self._result(result, incoming.envelope, account, record, identity, len(decision.events), now)
        self.history[identity] = self._entry(incoming, record, result, now)._replace(
            changes=[kept(event) for event in decision.events] or None
        )
        return None

    def _duplicate(self, incoming: Incoming, record: LogRecord, first: Entry, now: datetime) -> None:
        named = f"{first.outcome} ({first.code})" if first.code else first.outcome
        result = {
            "outcome": "duplicate",
            "code": first.code,
            "message": f"seen before; its outcome was: {named}",
            "contract_id": first.contract_id,
            "version": first.version,
        }
        identity = self._place(record)
        account = incoming.command.account_id
        self._result(result, incoming.envelope, account, record, identity, 0, now)
        self.history[identity] = self._entry(incoming, record, result, now)

    def _dead_letter(self, letter: Undecodable, record: LogRecord) -> None:
        now, identity, envelope = _time(record), self._place(record), letter.envelope
        headers, key, value = letter_content(letter, record)
        self.outputs.append(
            Expected(
                f"dead letter {record.place}",
                "contracts.dead-letters",
                record.partition,
                letter.account_id or "",
                key,
                headers,
                value,
            )
        )
        if envelope is not None and letter.account_id is not None:
            result = {
                "outcome": "rejected",
                "code": letter.code,
                "message": letter.message,
                "errors": list(letter.errors),
            }
            self._result(result, envelope, letter.account_id, record, identity, 0, now)
        self.history[identity] = Entry(
            record.partition,
            record.offset,
            now,
            "dead_letter",
            letter.code,
            letter.account_id,
            type=envelope.type.removeprefix(TYPE_PREFIX) if envelope else None,
            source=envelope.source if envelope else None,
            command_id=envelope.id if envelope else None,
        )

    def _entry(self, incoming: Incoming, record: LogRecord, result: dict[str, Any], now: datetime) -> Entry:
        command = incoming.command
        return Entry(
            record.partition,
            record.offset,
            now,
            result["outcome"],
            result.get("code"),
            command.account_id,
            result.get("contract_id"),
            result.get("version"),
            command.name,
            command.source,
            command.id,
            command.data.get("requested_by"),
        )

    def _event(
        self,
        event: Event,
        incoming: Incoming,
        record: LogRecord,
        identity: bytes,
        ordinal: int,
        now: datetime,
    ) -> None:
        name, data = event_data(event, incoming, now)
        self._output(
            name, data, incoming.envelope, incoming.command.account_id, record, identity, ordinal, now
        )

    def _result(
        self,
        result: dict[str, Any],
        envelope: Envelope,
        account: str,
        record: LogRecord,
        identity: bytes,
        ordinal: int,
        now: datetime,
    ) -> None:
        known = {name: value for name, value in result.items() if value is not None}
        data = {"command": reference(envelope), "processed_at": now, **known}
        self._output("command_result", data, envelope, account, record, identity, ordinal, now)

    def _output(
        self,
        name: str,
        data: Any,
        envelope: Envelope,
        account: str,
        record: LogRecord,
        identity: bytes,
        ordinal: int,
        now: datetime,
    ) -> None:
        type_ = f"{TYPE_PREFIX}{name}.v1"
        ce_id = sha256(identity + f"{type_}/{ordinal}".encode()).hexdigest()[:32]
        headers: dict[str, str | None] = {
            "ce_specversion": "1.0",
            "ce_id": ce_id,
            "ce_type": type_,
            "ce_subject": account,
            "ce_partitionkey": account,
            "ce_sequence": f"{record.offset:019d}.{ordinal:05d}",
            "ce_causationid": envelope.id,
            "ce_correlationid": envelope.correlationid,
            "content-type": "application/json",
        }
        self.outputs.append(
            Expected(ce_id, TOPIC_OF[name], record.partition, account, account.encode(), headers, plain(data))
        )

    def _place(self, record: LogRecord) -> bytes:
        return sha256(f"{self.generation}/{record.place}".encode()).digest()[:16]


def _time(record: LogRecord) -> datetime:
    return EPOCH + timedelta(milliseconds=record.timestamp)

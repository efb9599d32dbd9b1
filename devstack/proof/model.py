"""What must have come of a command log: the pure decisions folded one by one, and nothing else.

From the service this takes the decoder (which records are commands) and `decide` (what a command
does). What is stored and published is put together here again, from SPEC to JSON, so that a mistake
in the pipeline's batches, encoder or store cannot hide in the expectation.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from consumer.domain.decider import decide
from consumer.domain.model import Policy
from consumer.engine.decoder import Decoder
from consumer.engine.records import Incoming, Misplaced, Undecodable
from devstack.proof.erasing import erased_entry, erased_former
from devstack.proof.expected import Entry, Expected, command_entry, event_record, letter_entry
from devstack.proof.rendering import event_data, kept, letter_content, outcome_data, reference
from schemas.partitioning import murmur2_home

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from devstack.proof.records import LogRecord
    from schemas.cloudevents import Envelope

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Model:
    """The fold of one command topic, record by record, in the order of each partition's offsets."""

    def __init__(
        self,
        partitions: int,
        *,
        policy: Policy | None = None,
        home_of: Callable[[bytes, int], int] = murmur2_home,
    ) -> None:
        self.policy = policy or Policy()
        self.generation = 1
        self.contracts: dict[str, Any] = {}
        self.former: dict[str, Any] = {}
        self.history: dict[bytes, Entry] = {}
        self.outputs: list[Expected] = []
        self.misplaced: dict[str, tuple[LogRecord, int]] = {}
        self.forwarded: list[LogRecord] = []
        self.last: dict[int, LogRecord] = {}
        self.tallies: defaultdict[int, defaultdict[str, Any]] = defaultdict(lambda: defaultdict(int))
        """How many contracts of a "type/status" each partition has made and not ended, and by
        "type/CURRENCY" what those bring in a month that are active or in renewal."""
        self.commands = 0
        self._home_of = home_of
        self._decoder = Decoder(partitions, home_of=home_of, base=self.base)

    @property
    def base(self) -> int:
        """What is added to offsets, so that they grow through all generations."""
        return (self.generation - 1) << 48

    def next_generation(self, partitions: int) -> None:
        """An operator accepted a topic that was created again, or another number of partitions."""
        self.generation += 1
        self._decoder = Decoder(partitions, home_of=self._home_of, base=self.base)

    def forget_contents(self, reached: Mapping[int, int]) -> None:
        """What was folded before these offsets was stored by version 0.1, which kept no contents."""
        for identity, entry in self.history.items():
            if entry.offset < reached[entry.partition]:
                self.history[identity] = entry._replace(content=None)

    def fold(self, record: LogRecord) -> None:
        """The next record of its partition."""
        record = record._replace(base=self.base)
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
                    record.partition, record.sequence, _time(record), "forwarded"
                )
        return None

    def _command(self, incoming: Incoming, record: LogRecord) -> None:
        self.commands += 1
        command = incoming.command
        account = command.account_id
        contract = self.contracts.get(account)
        now = _time(record) if contract is None else max(_time(record), contract["lifecycle"]["at"])
        identity = command.identity[:16]
        if not incoming.spec.deduplicated:
            identity = self._place(record)
        elif (first := self.history.get(identity)) is not None:
            return self._seen_before(incoming, record, first, now)
        decision = decide(contract, command, now, self.policy)
        self._keep(account, record.partition, contract, decision.contract)
        if decision.former is not None:
            self.former[decision.former["contract_id"]] = decision.former
        for ordinal, event in enumerate(decision.events):
            name, data = event_data(event, incoming, now)
            self._output(name, data, incoming.envelope, account, record, identity, ordinal)
        result = outcome_data(decision)
        self._result(result, incoming.envelope, account, record, identity, len(decision.events), now)
        self.history[identity] = command_entry(incoming, record, result, now)._replace(
            changes=[kept(event) for event in decision.events] or None,
            content=incoming.content if incoming.spec.deduplicated else None,
        )
        if command.name == "erase" and result["outcome"] == "applied":
            self._erase(account)
        return None

    def _erase(self, account: str) -> None:
        """Slow, as the history has no index here; and rare."""
        for identity, entry in self.history.items():
            if entry.account_id == account:
                self.history[identity] = erased_entry(entry)
        for contract_id, contract in self.former.items():
            if contract["account_id"] == account:
                self.former[contract_id] = erased_former(contract)

    def _keep(self, account: str, partition: int, before: Any, after: Any) -> None:
        if before is not None:
            self._tally(partition, before, -1)
            del self.contracts[account]
        if after is not None:
            self._tally(partition, after, 1)
            self.contracts[account] = after

    def _tally(self, partition: int, contract: Any, times: int) -> None:
        tallies, type_ = self.tallies[partition], contract["contract_type"]
        tallies[f"{type_}/{contract['status']}"] += times
        if contract["status"] in ("active", "pending_renewal"):
            active = [add_on["monthly_fee"] for add_on in contract["add_ons"] if add_on.get("active", True)]
            tallies[f"{type_}/{contract['currency']}"] += times * sum([contract["base_monthly_fee"], *active])

    def _seen_before(self, incoming: Incoming, record: LogRecord, first: Entry, now: datetime) -> None:
        named = f"{first.outcome} ({first.code})" if first.code else first.outcome
        result: dict[str, Any] = {"contract_id": first.contract_id, "version": first.version}
        if first.content in (None, incoming.content):
            message = f"seen before; its outcome was: {named}"
            result |= {"outcome": "duplicate", "code": first.code, "message": message}
        else:
            message = (
                f"this id is another command's, whose outcome was: {named}; send this one under a new id"
            )
            result |= {"outcome": "rejected", "code": "id_reused", "message": message}
        identity = self._place(record)
        account = incoming.command.account_id
        self._result(result, incoming.envelope, account, record, identity, 0, now)
        self.history[identity] = command_entry(incoming, record, result, now)

    def _dead_letter(self, letter: Undecodable, record: LogRecord) -> None:
        now, identity, envelope = _time(record), self._place(record), letter.envelope
        headers, key, value = letter_content(letter, record)
        self.outputs.append(
            Expected(
                f"dead letter {record.place}@{record.timestamp}",
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
        self.history[identity] = letter_entry(letter, record, now)

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
        self._output("command_result", data, envelope, account, record, identity, ordinal)

    def _output(
        self,
        name: str,
        data: Any,
        envelope: Envelope,
        account: str,
        record: LogRecord,
        identity: bytes,
        ordinal: int,
    ) -> None:
        self.outputs.append(event_record(name, data, envelope, account, record, identity, ordinal))

    def _place(self, record: LogRecord) -> bytes:
        return sha256(f"{self.generation}/{record.place}".encode()).digest()[:16]


def _time(record: LogRecord) -> datetime:
    return EPOCH + timedelta(milliseconds=record.timestamp)

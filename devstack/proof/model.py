"""What must have come of a command log: the pure verdicts folded one by one, and nothing else.

From the service this takes the decoder (which records are commands) and `decide` (what a command
does). What is stored and published is put together here again, from SPEC to JSON, so that a mistake
in the pipeline's batches, encoder or store cannot hide in the expectation.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from consumer.domain.decider import decide
from consumer.domain.model import Policy
from consumer.engine.decoder import Decoder
from consumer.engine.records import Incoming, Misplaced, Undecodable
from devstack.proof.chain import Chains
from devstack.proof.expected import (
    Entry,
    Expected,
    command_entry,
    letter_entry,
    letter_record,
    repeated_outcome,
    result_record,
)
from devstack.proof.published import published
from devstack.proof.rendering import kept, outcome_data
from devstack.proof.revenue import Revenue
from devstack.proof.stored import Stored
from devstack.proof.version01 import as_of_version01, as_read, as_told
from schemas.partitioning import murmur2_home

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from devstack.proof.records import LogRecord

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
        self.stored = Stored()
        self.chains = Chains()
        self.outputs: list[Expected] = []
        self.misplaced: dict[str, tuple[LogRecord, int]] = {}
        self.forwarded: list[LogRecord] = []
        self.last: dict[int, LogRecord] = {}
        self.revenue = Revenue()
        self.version01: Mapping[int, int] = {}
        """Up to which offsets version 0.1 has applied the log; to be set before anything is folded."""
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
                entry = Entry(record.partition, record.sequence, _time(record), "forwarded")
                self._enter(self._place(record), entry)
        return None

    def _command(self, incoming: Incoming, record: LogRecord) -> None:
        self.commands += 1
        command = incoming.command
        account = command.account_id
        before = self.stored.contracts.get(account)
        contract = as_read(before)
        now = _time(record) if contract is None else max(_time(record), contract["lifecycle"]["at"])
        identity = command.identity[:16]
        if not incoming.spec.deduplicated:
            identity = self._place(record)
        elif (first := self.stored.history.get(identity)) is not None:
            return self._seen_before(incoming, record, first, now)
        verdict = decide(contract, command, now, self.policy)
        by_version01 = record.sequence < self.version01.get(record.partition, 0)
        if by_version01:
            verdict = as_of_version01(verdict)
            self.revenue.unseen(account, verdict.contract)
        else:
            place = f"{record.topic}/{record.partition}"
            self.revenue.take(place, account, contract, verdict.events)
        after = before if verdict.contract is contract else verdict.contract
        self.stored.keep(account, record.partition, before, after)
        if verdict.former is not None:
            self.stored.former[verdict.former["contract_id"]] = verdict.former
        self.outputs += published(verdict, incoming, record, identity, now, by_version01=by_version01)
        result = outcome_data(verdict)
        entry = command_entry(incoming, record, result, now)._replace(
            changes=[as_told(kept(each)) if by_version01 else kept(each) for each in verdict.events] or None,
            content=incoming.content if incoming.spec.deduplicated and not by_version01 else None,
        )
        self._enter(identity, entry)
        if command.name == "erase" and result["outcome"] == "applied":
            self.stored.erase(account)
        return None

    def _seen_before(self, incoming: Incoming, record: LogRecord, first: Entry, now: datetime) -> None:
        result = repeated_outcome(first, incoming)
        identity = self._place(record)
        account = incoming.command.account_id
        self.outputs.append(result_record(result, incoming.envelope, account, record, identity, 0, now))
        self._enter(identity, command_entry(incoming, record, result, now))

    def _dead_letter(self, letter: Undecodable, record: LogRecord) -> None:
        now, identity, envelope = _time(record), self._place(record), letter.envelope
        self.outputs.append(letter_record(letter, record))
        if envelope is not None and letter.account_id is not None:
            result = {
                "outcome": "rejected",
                "code": letter.code,
                "message": letter.message,
                "errors": list(letter.errors),
            }
            self.outputs.append(result_record(result, envelope, letter.account_id, record, identity, 0, now))
        self._enter(identity, letter_entry(letter, record, now))

    def _enter(self, identity: bytes, entry: Entry) -> None:
        by_version01 = entry.offset < self.version01.get(entry.partition, 0)
        self.stored.history[identity] = entry if by_version01 else self.chains.add(identity, entry)

    def _place(self, record: LogRecord) -> bytes:
        return sha256(f"{self.generation}/{record.place}".encode()).digest()[:16]


def _time(record: LogRecord) -> datetime:
    return EPOCH + timedelta(milliseconds=record.timestamp)

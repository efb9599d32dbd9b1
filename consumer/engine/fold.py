"""Folds decoded records over contracts: the pure heart of the pipeline.

In: records of one partition in log order, the contracts of their accounts, the commands seen before.
Out: what to write and what to publish. No I/O; the same log folds to the same bytes.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, assert_never

from consumer.domain.decider import decide
from consumer.domain.erasure import erased
from consumer.domain.model import LimitReached
from consumer.domain.statuses import RUNNING
from consumer.domain.terms import monthly_total
from consumer.engine.encoder import duplicate_data, event_name, fields_json, result_data, reused_data
from consumer.engine.entries import changes_json, erased_entry
from consumer.engine.records import Incoming, Misplaced, Undecodable, record_time
from consumer.storage.protocols import NO_PAST, ContractWrite, HistoryEntry, Past, Seen, base_of
from schemas.messages import TYPE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from orjson import Fragment

    from consumer.domain.model import Decision, Event, Policy
    from consumer.engine.encoder import Encoder
    from consumer.engine.records import Decoded, Record
    from consumer.kafka.recordbatches import BatchWriter, RecordBatch
    from schemas.contract import Contract
    from schemas.events import DeadLetterCode, LimitReachedData, OutcomeName
    from schemas.names import UsageMetric

IDENTITY_BYTES: Final = 16


class Fold:
    """One batch in the making.

    Args:
        contracts: current contract of every account in the batch; None where there is none.
        seen: those of the batch's commands that the history already holds.
        tallies: those of the position, before the batch.
        writer: takes the outputs; None while replaying what was published before.
        past: what is stored of the accounts that an `erase` in the batch names.
        holders: the accounts that have, or had, the contract ids that the batch brings along. The fold adds
            to them: an id belongs to the account that had it first, forever, so that where batches end
            makes no difference.
    """

    def __init__(
        self,
        *,
        contracts: Mapping[str, Contract | None],
        seen: Mapping[bytes, Seen],
        tallies: Mapping[str, int | Decimal],
        policy: Policy,
        encoder: Encoder,
        writer: BatchWriter | None,
        generation: int,
        past: Past = NO_PAST,
        holders: dict[str, str] | None = None,
    ) -> None:
        self._before = contracts
        self._seen = dict(seen)
        self._policy = policy
        self._encoder = encoder
        self._writer = writer
        self._generation = generation
        self._base = base_of(generation)
        self._kept_bytes = 0
        self._past = past
        self._holders = {} if holders is None else holders
        self._erased: set[str] = set()
        self.contracts = dict(contracts)
        self.tallies = dict(tallies)
        self.history: list[HistoryEntry] = []
        self.former: list[Contract] = []
        self.dead_letters: dict[DeadLetterCode, int] = {}
        self.forwarded = 0
        self.counts: dict[tuple[str, OutcomeName], int] = {}
        """How many commands of a (type, outcome) were folded."""
        self.published: dict[str, int] = {}
        """How many events of a name were made."""
        self.limits_reached: dict[tuple[UsageMetric, int], int] = {}
        """How many of them tell of a (metric, threshold)."""

    def add(self, decoded: Decoded) -> None:
        """Folds one record in."""
        match decoded:
            case Incoming():
                self._command(decoded)
            case Undecodable():
                self._dead_letter(decoded)
            case Misplaced():
                self._forward(decoded)
            case _:
                assert_never(decoded)

    def writes(self) -> list[ContractWrite]:
        """Each account whose contract is another object now."""
        before = self._before
        return [
            ContractWrite(account, before[account], after)
            for account, after in self.contracts.items()
            if after is not before[account]
        ]

    def rewritten(self) -> Past:
        """What is stored already, where it loses personal data with this batch."""
        history = [entry for entry in self._past.history if entry.account_id in self._erased]
        former = [contract for contract in self._past.former if contract["account_id"] in self._erased]
        return Past(
            [after for entry in history if (after := erased_entry(entry)) != entry],
            [left for contract in former if (left := erased(contract)) != contract],
        )

    def output_bytes(self) -> int:
        """Uncompressed size of what is to be published and kept so far, about."""
        return self._kept_bytes if self._writer is None else self._kept_bytes + self._writer.bytes

    def finish(self) -> list[RecordBatch] | None:
        """What is to be published, complete; None while replaying what was published before."""
        return None if self._writer is None else self._writer.finish()

    def _command(self, incoming: Incoming) -> None:
        command = incoming.command
        identity = command.identity[:IDENTITY_BYTES]
        contract = self.contracts[command.account_id]
        now = incoming.at if contract is None else max(incoming.at, contract["lifecycle"]["at"])
        if not incoming.spec.deduplicated:
            identity = self._place(incoming.record)
        elif (seen := self._seen.get(identity)) is not None:
            self._seen_before(incoming, seen, now)
            return
        decision = decide(contract, command, now, self._policy, self._holders)
        self._settle(incoming, decision, identity, now)

    def _settle(self, incoming: Incoming, decision: Decision, identity: bytes, now: datetime) -> None:
        account = incoming.command.account_id
        self._tally(self.contracts[account], decision.contract)
        self.contracts[account] = decision.contract
        if decision.contract is not None:
            self._holders[decision.contract["contract_id"]] = account
        if decision.former is not None:
            self.former.append(decision.former)
        result = result_data(decision.outcome, incoming, now)
        subject = decision.contract or decision.former
        if subject is not None:
            result["contract_id"] = subject["contract_id"]
            result["version"] = subject["version"]
        told = [(event, fields_json(event)) for event in decision.events]
        self._publish(incoming, told, result, identity, now)
        content = incoming.content if incoming.spec.deduplicated else None
        self._record(incoming, result, identity, now, changes_json(told), content)
        if content is not None:
            self._seen[identity] = _seen(result, content)
        if decision.erases:
            self._erase(account)

    def _erase(self, account: str) -> None:
        """As if the batch had ended here: where it ends must make no difference."""
        self._erased.add(account)
        self.history = [
            erased_entry(entry) if entry.account_id == account else entry for entry in self.history
        ]
        self.former = [
            erased(contract) if contract["account_id"] == account else contract for contract in self.former
        ]

    def _publish(
        self,
        incoming: Incoming,
        told: Sequence[tuple[Event, Fragment]],
        result: dict[str, Any],
        identity: bytes,
        now: datetime,
    ) -> None:
        writer = self._writer
        if writer is None:
            return
        outputs = self._encoder.outputs(incoming, identity, now)
        for event, fields in told:
            writer.add(outputs.event(event, fields))
            if isinstance(event, LimitReached):
                self._limit_reached(event.notice)
            self._made(event_name(event))
        writer.add(outputs.result(result))
        self._made("command_result")

    def _seen_before(self, incoming: Incoming, seen: Seen, now: datetime) -> None:
        # What was stored before contents were kept has none: whatever comes under its id is a duplicate.
        again = seen.content in (None, incoming.content)
        result = (duplicate_data if again else reused_data)(seen, incoming, now)
        if seen.contract_id is not None:
            result |= {"contract_id": seen.contract_id, "version": seen.version}
        identity = self._place(incoming.record)
        self._publish(incoming, (), result, identity, now)
        self._record(incoming, result, identity, now)

    def _record(
        self,
        incoming: Incoming,
        result: dict[str, Any],
        identity: bytes,
        now: datetime,
        changes: str | None = None,
        content: bytes | None = None,
    ) -> None:
        command, record = incoming.command, incoming.record
        outcome = result["outcome"]
        self._count(command.name, outcome)
        self._kept_bytes += len(record.value or b"") + len(changes or "")
        self.history.append(
            HistoryEntry(
                identity=identity,
                partition=record.partition,
                offset=command.offset,
                occurred_at=now,
                outcome=outcome,
                code=result.get("code"),
                account_id=command.account_id,
                contract_id=result.get("contract_id"),
                version=result.get("version"),
                type=command.name,
                source=command.source,
                command_id=command.id,
                requested_by=command.data.get("requested_by"),
                changes=changes,
                content=content,
            )
        )

    def _dead_letter(self, letter: Undecodable) -> None:
        self.dead_letters[letter.code] = self.dead_letters.get(letter.code, 0) + 1
        identity = self._place(letter.record)
        offset = self._base + letter.record.offset
        now = record_time(letter.record)
        if self._writer is not None:
            self._writer.add(self._encoder.dead_letter(letter))
            result = self._encoder.dead_letter_result(letter, identity, offset, now)
            if result is not None:
                self._writer.add(result)
                self._made("command_result")
        envelope = letter.envelope
        self.history.append(
            HistoryEntry(
                identity=identity,
                partition=letter.record.partition,
                offset=offset,
                occurred_at=now,
                outcome="dead_letter",
                code=letter.code,
                account_id=letter.account_id,
                type=envelope.type.removeprefix(TYPE_PREFIX) if envelope else None,
                source=envelope.source if envelope else None,
                command_id=envelope.id if envelope else None,
            )
        )

    def _forward(self, misplaced: Misplaced) -> None:
        self.forwarded += 1
        record = misplaced.record
        if self._writer is not None:
            self._writer.add(self._encoder.forward(misplaced))
        self.history.append(
            HistoryEntry(
                self._place(record),
                record.partition,
                self._base + record.offset,
                record_time(record),
                "forwarded",
            )
        )

    def _made(self, event: str) -> None:
        self.published[event] = self.published.get(event, 0) + 1

    def _limit_reached(self, notice: LimitReachedData) -> None:
        place = notice["metric"], notice["threshold"]
        self.limits_reached[place] = self.limits_reached.get(place, 0) + 1

    def _count(self, name: str, outcome: OutcomeName) -> None:
        self.counts[name, outcome] = self.counts.get((name, outcome), 0) + 1

    def _tally(self, before: Contract | None, after: Contract | None) -> None:
        if before is after:
            return
        tallies = self.tallies
        was, now = before and _label(before), after and _label(after)
        if was != now:
            if was:
                tallies[was] = tallies.get(was, 0) - 1
            if now:
                tallies[now] = tallies.get(now, 0) + 1
        earned, earns = _monthly(before), _monthly(after)
        if earned != earns:
            if earned:
                tallies[earned[0]] = tallies.get(earned[0], 0) - earned[1]
            if earns:
                tallies[earns[0]] = tallies.get(earns[0], 0) + earns[1]

    def _place(self, record: Record) -> bytes:
        """Identity of a record that has none of its own: where it stands in the log."""
        place = f"{self._generation}/{record.topic}/{record.partition}/{record.offset}"
        return sha256(place.encode()).digest()[:IDENTITY_BYTES]


def _seen(result: dict[str, Any], content: bytes) -> Seen:
    return Seen(
        result["outcome"],
        result.get("code"),
        result.get("contract_id"),
        result.get("version"),
        content=content,
    )


def _label(contract: Contract) -> str:
    return f"{contract['contract_type']}/{contract['status']}"


def _monthly(contract: Contract | None) -> tuple[str, Decimal] | None:
    """Where it counts as revenue, and how much it brings in a month."""
    if contract is None or contract["status"] not in RUNNING:
        return None
    return f"{contract['contract_type']}/{contract['currency']}", monthly_total(contract)

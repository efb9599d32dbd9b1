"""Folds decoded records over contracts. Pure: no I/O, no clock.

In: records of one partition in log order, the contracts of their accounts, the commands seen before.
Out: what to store and what to publish. The same log gives the same bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from consumer.domain.decider import decide
from consumer.engine.accounts import Accounts, erased_former
from consumer.engine.entries import kept_events
from consumer.engine.history import History, erased_entries
from consumer.engine.output_data import changed_fields, duplicate_data, result_data, reused_data
from consumer.engine.outputs import Outputs
from consumer.engine.records import Incoming, Misplaced, Undecodable, record_time
from consumer.storage.history import NO_PAST, Past, Seen
from schemas.identity import IDENTITY_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from decimal import Decimal

    from consumer.domain.model import Policy, Verdict
    from consumer.engine.encoder import Encoder
    from consumer.engine.records import Decoded
    from consumer.kafka.recordbatches import BatchWriter
    from consumer.storage.kept import KeptEvent
    from schemas.contract import Contract
    from schemas.events import DeadLetterCode, OutcomeName


class Fold:
    """Builds one batch.

    Args:
        contracts, tallies, holders: see `Accounts`.
        seen: the commands of the batch that the history already has.
        writer: encodes the outputs; None during a replay of what was published before.
        past: what is stored of the accounts that an `erase` in the batch names.
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
        self.accounts = Accounts(contracts, tallies, {} if holders is None else holders)
        self.history = History(generation)
        self.outputs = Outputs(encoder, writer)
        self._seen = dict(seen)
        self._policy = policy
        self._past = past
        self._erased: set[str] = set()
        self.dead_letters: dict[DeadLetterCode, int] = {}
        self.forwarded = 0
        self.counts: dict[tuple[str, OutcomeName], int] = {}
        """How many commands of a (type, outcome) were folded."""

    def add(self, decoded: Decoded) -> None:
        """Folds one record."""
        match decoded:
            case Incoming():
                self._command(decoded)
            case Undecodable():
                self._dead_letter(decoded)
            case Misplaced():
                self.forwarded += 1
                self.outputs.forwarded(decoded)
                self.history.forwarded(decoded)
            case _:
                assert_never(decoded)

    def rewritten(self) -> Past:
        """Stored entries and former contracts that lose personal data with this batch."""
        return Past(
            erased_entries(self._past.history, self._erased), erased_former(self._past.former, self._erased)
        )

    def output_bytes(self) -> int:
        """Approximate uncompressed size of the outputs and history entries so far."""
        return self.history.size + self.outputs.size

    def _command(self, incoming: Incoming) -> None:
        command = incoming.command
        identity = command.identity[:IDENTITY_BYTES]
        contract = self.accounts.contracts[command.account_id]
        now = incoming.at if contract is None else max(incoming.at, contract["lifecycle"]["at"])
        if not incoming.spec.deduplicated:
            identity = self.history.identity(incoming.record)
        elif (seen := self._seen.get(identity)) is not None:
            self._repeated(incoming, seen, now)
            return
        verdict = decide(contract, command, now, self._policy, self.accounts.holders)
        self._decided(incoming, verdict, identity, now)

    def _decided(self, incoming: Incoming, verdict: Verdict, identity: bytes, now: datetime) -> None:
        account = incoming.command.account_id
        self.accounts.take(account, verdict)
        result = result_data(verdict.outcome, incoming, now)
        subject = verdict.contract or verdict.former
        if subject is not None:
            result["contract_id"] = subject["contract_id"]
            result["version"] = subject["version"]
        events = [(event, changed_fields(event)) for event in verdict.events]
        self.outputs.command(incoming, events, result, identity, now, verdict.published_state)
        content = incoming.content if incoming.spec.deduplicated else None
        self._record(incoming, result, identity, now, kept_events(events), content)
        if content is not None:
            self._seen[identity] = _seen(result, content)
        if verdict.erases:  # as if the batch had ended here: where it ends must make no difference
            self._erased.add(account)
            self.history.erase(account)
            self.accounts.erase(account)

    def _repeated(self, incoming: Incoming, seen: Seen, now: datetime) -> None:
        # What was stored before contents were kept has none: whatever comes under its id is a duplicate.
        again = seen.content in (None, incoming.content)
        result = (duplicate_data if again else reused_data)(seen, incoming, now)
        if seen.contract_id is not None:
            result |= {"contract_id": seen.contract_id, "version": seen.version}
        identity = self.history.identity(incoming.record)
        self.outputs.command(incoming, (), result, identity, now)
        self._record(incoming, result, identity, now)

    def _record(
        self,
        incoming: Incoming,
        result: dict[str, Any],
        identity: bytes,
        now: datetime,
        changes: list[KeptEvent] | None = None,
        content: bytes | None = None,
    ) -> None:
        counted = incoming.command.name, result["outcome"]
        self.counts[counted] = self.counts.get(counted, 0) + 1
        self.history.command(incoming, result, identity, now, changes, content)

    def _dead_letter(self, letter: Undecodable) -> None:
        self.dead_letters[letter.code] = self.dead_letters.get(letter.code, 0) + 1
        record, history = letter.record, self.history
        identity, offset = history.identity(record), history.offset(record)
        self.outputs.dead_letter(letter, identity, offset, record_time(record))
        history.dead_letter(letter)


def _seen(result: dict[str, Any], content: bytes) -> Seen:
    return Seen(
        result["outcome"],
        result.get("code"),
        result.get("contract_id"),
        result.get("version"),
        content=content,
    )

"""The history entries of a batch: one for each record."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from consumer.engine.entries import erased_entry
from consumer.engine.records import record_time
from consumer.storage.chain import link
from consumer.storage.history import HistoryEntry
from consumer.storage.protocols import base_of
from schemas.identity import IDENTITY_BYTES
from schemas.messages import TYPE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from consumer.engine.records import Incoming, Misplaced, Record, Undecodable
    from consumer.storage.history import Chain
    from consumer.storage.kept import KeptEvent


class History:
    """Builds history entries. `generation` is that of the log."""

    def __init__(self, generation: int) -> None:
        self._generation = generation
        self._base = base_of(generation)
        self.entries: list[HistoryEntry] = []
        self._erasures: list[tuple[str, int]] = []
        self.size = 0
        """Approximate number of bytes of the commands in the entries."""

    def identity(self, record: Record) -> bytes:
        """The identity of a record without one: its topic, partition and offset in this generation."""
        coordinates = f"{self._generation}/{record.topic}/{record.partition}/{record.offset}"
        return sha256(coordinates.encode()).digest()[:IDENTITY_BYTES]

    def offset(self, record: Record) -> int:
        """The stored offset: it grows from one generation of the log to the next."""
        return self._base + record.offset

    def command(
        self,
        incoming: Incoming,
        result: dict[str, Any],
        identity: bytes,
        now: datetime,
        changes: list[KeptEvent] | None = None,
        content: bytes | None = None,
    ) -> None:
        """Adds the entry of a command."""
        command = incoming.command
        self.size += len(incoming.record.value or b"")
        self.entries.append(
            HistoryEntry(
                identity=identity,
                partition=incoming.record.partition,
                offset=command.offset,
                occurred_at=now,
                outcome=result["outcome"],
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

    def dead_letter(self, letter: Undecodable) -> None:
        """Adds the entry of a dead letter."""
        envelope = letter.envelope
        self.entries.append(
            HistoryEntry(
                identity=self.identity(letter.record),
                partition=letter.record.partition,
                offset=self.offset(letter.record),
                occurred_at=record_time(letter.record),
                outcome="dead_letter",
                code=letter.code,
                account_id=letter.account_id,
                type=envelope.type.removeprefix(TYPE_PREFIX) if envelope else None,
                source=envelope.source if envelope else None,
                command_id=envelope.id if envelope else None,
            )
        )

    def forwarded(self, misplaced: Misplaced) -> None:
        """Adds the entry of a command that was forwarded."""
        record = misplaced.record
        self.entries.append(
            HistoryEntry(
                self.identity(record),
                record.partition,
                self.offset(record),
                record_time(record),
                "forwarded",
            )
        )

    def erase(self, account: str) -> None:
        """Removes the account's personal data from the entries so far, when they are linked."""
        self._erasures.append((account, len(self.entries)))

    def link(self, chain: Chain) -> Chain:
        """Adds the entries to the chain as they were before anything was erased. To be called at the end."""
        chain = link(self.entries, chain)
        for account, count in self._erasures:
            self.entries[:count] = _erased(self.entries[:count], {account})
        return chain


def erased_entries(stored: Sequence[HistoryEntry], accounts: set[str]) -> list[HistoryEntry]:
    """The stored entries of these accounts that contain personal data, without it."""
    return [
        after for entry, after in zip(stored, _erased(stored, accounts), strict=True) if after is not entry
    ]


def _erased(entries: Iterable[HistoryEntry], accounts: Collection[str]) -> list[HistoryEntry]:
    return [erased_entry(entry) if entry.account_id in accounts else entry for entry in entries]

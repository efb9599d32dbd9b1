"""What the history of an account holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from consumer.storage.kept import KeptEvent
    from schemas.contract import Contract


class Seen(NamedTuple):
    """The outcome of a command that was applied before, and its offset: None for one of the present batch.

    `content` distinguishes it from another command with the same id; None: stored by a version without
    contents.
    """

    outcome: str
    code: str | None
    contract_id: str | None
    version: int | None
    partition: int | None = None
    offset: int | None = None
    content: bytes | None = None


@dataclass(slots=True)
class HistoryEntry:
    """The history entry of one record: audit trail, version history and index of duplicates.

    `identity` is 16 bytes: of the command; or of the record's offset, for a record without an identity, for a
    duplicate, and for a command that is never deduplicated. `offset` is its sequence number (see
    Position.base). `changes` are its events in order, with the fields that each changed. `content` is a hash
    of a command's type and data, if `identity` is the command's.

    `number`, `chain` and `details_hash`: see consumer/storage/chain.py. `encoded` is the document of a new
    entry.
    """

    identity: bytes
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
    changes: Sequence[KeptEvent] | None = None
    content: bytes | None = None
    number: int | None = None
    chain: bytes | None = None
    details_hash: bytes | None = None
    encoded: bytes | None = field(default=None, compare=False, repr=False)


class Chain(NamedTuple):
    """The chain of hashes over a partition's history, see consumer/storage/chain.py.

    `start` is the sequence number from which on entries have hashes, `number` how many there are, and `head`
    the hash of the last one.
    """

    start: int
    number: int
    head: bytes


class Past(NamedTuple):
    """What is stored for some accounts in addition to their current contracts."""

    history: Sequence[HistoryEntry] = ()
    former: Sequence[Contract] = ()


NO_PAST: Final = Past()

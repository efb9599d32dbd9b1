"""What a command publishes: its events, the account's state, its result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.domain.model import Changed
from devstack.proof.expected import event_record, result_record
from devstack.proof.rendering import event_data, outcome_data, state_data
from devstack.proof.version01 import as_told

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from consumer.domain.model import Verdict
    from consumer.engine.records import Incoming
    from devstack.proof.expected import Expected
    from devstack.proof.records import LogRecord


def published(
    verdict: Verdict,
    incoming: Incoming,
    record: LogRecord,
    identity: bytes,
    now: datetime,
    *,
    by_version01: bool,
) -> Iterator[Expected]:
    """The records of a command that was decided, in order; version 0.1 left some of it out."""
    envelope, command = incoming.envelope, incoming.command
    account = command.account_id
    for ordinal, event in enumerate(verdict.events):
        name, data = event_data(event, incoming, now)
        if by_version01:
            data = as_told(data)
        yield event_record(name, data, envelope, account, record, identity, ordinal)
    changes = [number for number, event in enumerate(verdict.events) if isinstance(event, Changed)]
    if not by_version01 and (changes or command.data.get("publish_state")):
        ordinal = changes[-1] if changes else 0
        state = state_data(verdict, f"{record.sequence:019d}.{ordinal:05d}")
        yield event_record("state", state, envelope, account, record, identity, ordinal)
    result = outcome_data(verdict)
    yield result_record(result, envelope, account, record, identity, len(verdict.events), now)

"""W3C trace context, and the ids of a command's span.

The ids are made from what every event of the command carries, too. So a handler finds the span without
anything being added to events, and a replay writes the same bytes.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final, NamedTuple

_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED: Final = 1


class Sender(NamedTuple):
    """The span in which a command was sent. `sampled`: whether it was recorded."""

    trace_id: int
    span_id: int
    sampled: bool


class SpanIds(NamedTuple):
    """Names a span; an all-zero id does not occur."""

    trace_id: int
    span_id: int


def sender_of(traceparent: str | None) -> Sender | None:
    """The sender's span; None: there is no `traceparent`, or not a valid one."""
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if found is None:
        return None
    version, trace, span, flags, more = found.groups()
    sender = Sender(int(trace, 16), int(span, 16), bool(int(flags, 16) & _SAMPLED))
    sound = version != "ff" and not (version == "00" and more) and sender.trace_id and sender.span_id
    return sender if sound else None


def command_span(sender: Sender | None, traceparent: str | None, command_id: str, offset: int) -> SpanIds:
    """The ids of the command's `process` span: in the sender's trace, or in one of its own.

    Args:
        sender: `sender_of(traceparent)`.
        traceparent: the command's, as its events carry it.
        command_id: its `ce_id`, the `ce_causationid` of its events.
        offset: the number before the dot in the `ce_sequence` of its events.
    """
    digest = sha256(f"{offset}/{traceparent or ''}/{command_id}".encode()).digest()
    trace = int.from_bytes(digest[:16]) if sender is None else sender.trace_id
    return SpanIds(trace, int.from_bytes(digest[16:24]))

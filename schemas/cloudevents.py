"""CloudEvents 1.0 on Kafka: names of attributes, the envelope of a command, the headers of an event.

Binary mode has the attributes in `ce_` headers and the data as the record's value; structured mode
has both in one JSON object. Commands may have either mode; events are published in binary mode.
Source: the Kafka protocol binding and the JSON event format, 1.0.2.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from schemas.events import OUTPUTS
from schemas.identity import event_id
from schemas.messages import schema_uri

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

SPEC_VERSION: Final = "1.0"
HEADER_PREFIX: Final = "ce_"
CONTENT_TYPE: Final = "content-type"
JSON_MEDIA_TYPE: Final = "application/json"
STRUCTURED_MEDIA_TYPE: Final = "application/cloudevents+json"

DEFAULT_SOURCE: Final = "/contract-service"
Header = tuple[str, bytes]


class Envelope(NamedTuple):
    """The attributes of a command that the service uses, unchanged."""

    id: str
    source: str
    type: str
    subject: str | None = None
    time: str | None = None
    datacontenttype: str | None = None
    correlationid: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None


class Cause(Protocol):
    """The attributes that an event copies from its command. An Envelope has them."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def correlationid(self) -> str | None: ...  # noqa: D102
    @property
    def traceparent(self) -> str | None: ...  # noqa: D102
    @property
    def tracestate(self) -> str | None: ...  # noqa: D102


def sequence(offset: int, ordinal: int) -> str:
    """A text that sorts the events of an account: by the command's offset, then in order of occurrence."""
    return f"{offset:019d}.{ordinal:05d}"


def offset_in(text: bytes) -> int | None:
    """The offset in a text from `sequence`; None: the text is not from there."""
    written = re.fullmatch(rb"(\d{19})\.\d{5}", text)
    return int(written[1]) if written else None


class EventHeaders:
    """Builds the headers of events. Headers that all events of a type share are encoded once."""

    def __init__(self, source: str = DEFAULT_SOURCE) -> None:
        self._types = {
            spec.name: (
                spec.type,
                (
                    ("ce_specversion", SPEC_VERSION.encode()),
                    ("ce_source", source.encode()),
                    (CONTENT_TYPE, JSON_MEDIA_TYPE.encode()),
                    ("ce_type", spec.type.encode()),
                    ("ce_dataschema", schema_uri(spec.label).encode()),
                ),
            )
            for spec in OUTPUTS.values()
        }

    def of(
        self,
        name: str,
        *,
        identity: bytes,
        ordinal: int,
        offset: int,
        subject: str,
        time: datetime,
        cause: Cause,
    ) -> list[Header]:
        """The headers of one event. See `caused` for the arguments."""
        return self.caused(identity, offset, subject, time, cause).of(name, ordinal)

    def caused(
        self, identity: bytes, offset: int, subject: str, time: datetime, cause: Cause
    ) -> CausedHeaders:
        """Builds the headers of all events of one command.

        Args:
            identity: of the history entry that the events belong to.
            offset: of the command.
            subject: the account id.
            time: aware, UTC.
            cause: the command's envelope.
        """
        return CausedHeaders(self._types, identity, offset, subject, time, cause)


class CausedHeaders:
    """The headers of the events of one command. Those that they share are encoded once."""

    __slots__ = ("_identity", "_offset", "_shared", "_types")

    def __init__(
        self,
        types: Mapping[str, tuple[str, tuple[Header, ...]]],
        identity: bytes,
        offset: int,
        subject: str,
        time: datetime,
        cause: Cause,
    ) -> None:
        self._types = types
        self._identity = identity
        self._offset = offset
        account = subject.encode()
        self._shared = [
            ("ce_time", _written(time)),
            ("ce_subject", account),
            ("ce_partitionkey", account),
            ("ce_causationid", cause.id.encode()),
        ]
        if cause.correlationid is not None:
            self._shared.append(("ce_correlationid", cause.correlationid.encode()))
        if cause.traceparent is not None:
            self._shared.append(("ce_traceparent", cause.traceparent.encode()))
        if cause.tracestate is not None:
            self._shared.append(("ce_tracestate", cause.tracestate.encode()))

    def of(self, name: str, ordinal: int) -> list[Header]:
        """The headers of one event, given its name in the table of events and its number."""
        type_, constant = self._types[name]
        return [
            *constant,
            ("ce_id", event_id(self._identity, type_, ordinal).encode()),
            ("ce_sequence", self.sequence(ordinal).encode()),
            *self._shared,
        ]

    def sequence(self, ordinal: int) -> str:
        """The attribute that sorts the event among those of its account."""
        return sequence(self._offset, ordinal)


@lru_cache(maxsize=1024)
def _written(time: datetime) -> bytes:
    """The time as text. Cached, because the commands of one produced batch have the same time."""
    return f"{time.isoformat(timespec='milliseconds')[:-6]}Z".encode()


_DEFAULT: Final = EventHeaders()

event_headers: Final = _DEFAULT.of
"""The headers of one event under the default source."""

caused_headers: Final = _DEFAULT.caused
"""The headers of all events of one command."""

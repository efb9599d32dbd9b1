"""CloudEvents 1.0 on Kafka: the names, the envelope of a command, and the headers of an event.

Binary mode has the attributes in `ce_` headers and the data as the record's value; structured mode
has both in one JSON object. Commands come in either, events go out in binary mode.
Source: the Kafka protocol binding and the JSON event format, 1.0.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from schemas.events import EVENTS
from schemas.identity import event_id
from schemas.messages import schema_uri

if TYPE_CHECKING:
    from datetime import datetime

SPEC_VERSION: Final = "1.0"
HEADER_PREFIX: Final = "ce_"
CONTENT_TYPE: Final = "content-type"
JSON_MEDIA_TYPE: Final = "application/json"
STRUCTURED_MEDIA_TYPE: Final = "application/cloudevents+json"

DEFAULT_SOURCE: Final = "/contract-service"
Header = tuple[str, bytes]


class Envelope(NamedTuple):
    """The attributes of a command that the service uses, as its producer wrote them."""

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
    """What an event takes over from the command it came of; an Envelope has it."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def correlationid(self) -> str | None: ...  # noqa: D102
    @property
    def traceparent(self) -> str | None: ...  # noqa: D102
    @property
    def tracestate(self) -> str | None: ...  # noqa: D102


def sequence(offset: int, ordinal: int) -> str:
    """Sorts, as text, the events of an account: by the command's offset, then in the order they happened."""
    return f"{offset:019d}.{ordinal:05d}"


class EventHeaders:
    """Builds the headers of events; what is the same for all of a type is encoded once."""

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
            for spec in EVENTS.values()
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
        """The headers of one event.

        Args:
            name: the event's name in the table of events.
            identity: of the history entry that the event belongs to.
            ordinal: the event's place among the events of that entry.
            offset: of the command.
            subject: the account id.
            time: aware, UTC.
            cause: the command's envelope.
        """
        type_, constant = self._types[name]
        account = subject.encode()
        headers = [
            *constant,
            ("ce_id", event_id(identity, type_, ordinal).encode()),
            ("ce_time", time.isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()),
            ("ce_subject", account),
            ("ce_partitionkey", account),
            ("ce_sequence", sequence(offset, ordinal).encode()),
            ("ce_causationid", cause.id.encode()),
        ]
        for extension, text in (
            ("ce_correlationid", cause.correlationid),
            ("ce_traceparent", cause.traceparent),
            ("ce_tracestate", cause.tracestate),
        ):
            if text is not None:
                headers.append((extension, text.encode()))
        return headers


event_headers: Final = EventHeaders().of
"""The headers of one event under the default source."""

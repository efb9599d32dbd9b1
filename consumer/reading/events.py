"""Published events: up to now, or continuously; of one account, or of all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import orjson

from consumer.kafka.tail import tail
from schemas.events import EVENT_NAMES, EVENTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from consumer.settings import Settings


@dataclass(frozen=True, slots=True)
class EventQuery:
    """A filter for events; empty sets: all.

    `since`: the earliest time; None: from the beginning, or with `follow` from now.
    """

    account_id: str | None = None
    events: frozenset[str] = frozenset()
    changes: frozenset[str] = frozenset()
    since: datetime | None = None
    follow: bool = False

    @property
    def topics(self) -> list[str]:
        """The topics that contain such events."""
        wanted = {"changed"} if self.changes else self.events
        return [spec.topic for name, spec in EVENTS.items() if not wanted or name in wanted]

    def wants(self, event: ReadEvent) -> bool:
        """Whether an event of these topics matches."""
        return self.account_id in {None, event.account_id} and (
            not self.changes or event.data.get("change") in self.changes
        )


@dataclass(frozen=True, slots=True)
class ReadEvent:
    """An event, with its topic, partition and offset."""

    name: str
    topic: str
    partition: int
    offset: int
    time: datetime
    account_id: str
    attributes: Mapping[str, str]
    """CloudEvents attributes, without the `ce_` of their headers."""
    data: Any

    @classmethod
    def of(cls, record: Any) -> Self:
        """Reads a record of one of the event topics."""
        headers = {name: (content or b"").decode() for name, content in record.headers}
        attributes = {name[3:]: text for name, text in headers.items() if name.startswith("ce_")}
        type_ = attributes.get("type", "")
        return cls(
            name=EVENT_NAMES.get(type_, type_),
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            time=datetime.fromtimestamp(record.timestamp / 1000, UTC),
            account_id=(record.key or b"").decode(),
            attributes=attributes,
            data=orjson.loads(record.value or b"null"),
        )


async def events(settings: Settings, query: EventQuery) -> AsyncIterator[ReadEvent]:
    """The events of a query. Without `follow` it ends at the present end of the topics.

    Raises:
        TopicsMissing: a topic does not exist.
        BrokerUnavailable, BrokerDenied: Kafka does not answer, or refuses access.
    """
    async with tail(settings, query.topics, query.account_id) as reader:
        if query.follow and query.since is None:
            await reader.seek_to_end()
        else:
            await reader.seek(query.since)
        async for record in reader.endlessly() if query.follow else reader.to_end():
            event = ReadEvent.of(record)
            if query.wants(event):
                yield event

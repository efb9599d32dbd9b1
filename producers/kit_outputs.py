"""The outputs of the test kit's service, in the form that consumers receive."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from consumer.engine.collected import event_of
from producers.results import CommandResult
from schemas.topics import DEAD_LETTERS, STATE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from consumer.kafka.recordbatches import Output


@dataclass(frozen=True, slots=True)
class KitRecord:
    """A Kafka record with the attributes of aiokafka's ConsumerRecord."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class PublishedEvent:
    """An event, with the record that consumers receive. `data`: the parsed JSON."""

    name: str
    topic: str
    account_id: str
    headers: Mapping[str, str]
    data: Any
    record: KitRecord


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter."""

    reason: str
    message: str
    path: str
    key: bytes | None
    value: bytes | None


class KitOutputs:
    """Everything that was published so far, in order."""

    def __init__(self) -> None:
        self.events: list[PublishedEvent] = []
        self.results: list[CommandResult] = []
        self.dead_letters: list[DeadLetter] = []
        self.states: list[KitRecord] = []
        """The records of the compacted topic `contracts.state`, uncompacted."""
        self._ends: Counter[str] = Counter()

    def publish(self, output: Output) -> None:
        """One more."""
        headers = {name: (content or b"").decode() for name, content in output.headers}
        if output.topic == DEAD_LETTERS:
            reason, message, path = (headers[f"dlq-{name}"] for name in ("reason", "message", "path"))
            self.dead_letters.append(DeadLetter(reason, message, path, output.key, output.value))
            return
        topic, partition, key, value, sent, timestamp = output
        record = KitRecord(topic, partition, self._ends[topic], timestamp, key, value, sent)
        self._ends[topic] += 1
        if topic == STATE:
            self.states.append(record)
            return
        account = (key or b"").decode()
        name, data = event_of(output)
        self.events.append(PublishedEvent(name, topic, account, headers, data, record))
        if name == "command_result":
            self.results.append(CommandResult.from_data(account, data))

"""The planned settings of all topics, and how existing topics differ.

Pure functions; topics.py asks the broker.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from consumer.errors import InputRefused
from schemas.topics import COMMANDS, EVENT_TOPICS, TOPICS, TopicSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from consumer.settings import Settings

DAY_MS: Final = 86_400_000
DEFAULT_RECORD_BYTES: Final = 1_048_588
"""Kafka's own limit for a batch of records; batches of many records stay below it."""

JOURNAL_SEGMENT_BYTES: Final = 16 << 20

_COMPACTED: Final = tuple(spec.name for spec in TOPICS.values() if spec.compacted)


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as planned, or as the broker has it. `settings` are Kafka's topic configs."""

    name: str
    partitions: int
    replication: int
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which an existing topic is not as planned.

    `fatal`: events or commands could be lost or refused, so the service does not start.
    """

    topic: str
    what: str
    planned: str
    found: str
    fatal: bool

    def __str__(self) -> str:
        return f"{self.topic}: {self.what} is {self.found}, planned {self.planned}"


def plan(
    settings: Settings, partitions: int | None = None, output_partitions: int | None = None
) -> tuple[Topic, ...]:
    """All topics as `contracts topics ensure` creates them, the command topic first."""
    partitions = partitions or settings.topic_partitions
    return tuple(
        Topic(
            settings.topic_prefix + spec.name,
            (output_partitions or partitions) if spec.name in EVENT_TOPICS else partitions,
            settings.topic_replication_factor,
            _kafka_settings(spec, settings),
        )
        for spec in TOPICS.values()
    )


def _kafka_settings(spec: TopicSpec, settings: Settings) -> dict[str, str]:
    common = {
        "cleanup.policy": "delete",
        "min.insync.replicas": str(
            min(settings.topic_min_insync_replicas, settings.topic_replication_factor)
        ),
        "max.message.bytes": str(record_bytes(settings)),
        # Of the input, because its clock is the contracts' clock. Of the outputs, because their records
        # carry the command's time: what is published late would be too old to be kept.
        "message.timestamp.type": "LogAppendTime",
    }
    if spec.direction == "in":  # the source of truth: nothing may expire
        return common | {"retention.ms": "-1", "retention.bytes": "-1"}
    if (
        spec.direction == "journal"
    ):  # only the last entry of each partition is needed; the journal stays short
        return common | {
            "cleanup.policy": "compact",
            "segment.bytes": str(JOURNAL_SEGMENT_BYTES),
            "min.cleanable.dirty.ratio": "0.1",
        }
    kept = str(settings.topic_output_retention_days * DAY_MS)
    if spec.compacted:  # deletions stay, and what an erasure replaces goes, as events do
        return common | {
            "cleanup.policy": "compact",
            "delete.retention.ms": kept,
            "max.compaction.lag.ms": kept,
        }
    return common | {"retention.ms": kept}


def record_bytes(settings: Settings) -> int:
    """Room for the largest record: a dead letter with its headers, or a contract before and after."""
    return max(DEFAULT_RECORD_BYTES, 2 * settings.max_command_bytes)


def differences(planned: Topic, found: Topic) -> Iterator[Difference]:
    """The differences from the plan, in its order."""
    if found.replication != planned.replication:
        yield Difference(
            planned.name, "replication factor", str(planned.replication), str(found.replication), fatal=False
        )
    for name, value in planned.settings.items():
        there = found.settings.get(name)
        if there is not None and there != value:
            yield Difference(
                planned.name, name, value, there, fatal=_is_fatal(planned.name, name, value, there)
            )


def _is_fatal(topic: str, setting: str, planned: str, found: str) -> bool:
    match setting:
        case (
            "cleanup.policy"
        ):  # compaction drops all but the last command; deletion forgets what is published
            return (topic.endswith(COMMANDS) and "compact" in found) or (
                topic.endswith(_COMPACTED) and "delete" in found
            )
        case "max.message.bytes":
            return int(found) < int(planned)
        case "message.timestamp.type":  # one producer's wrong clock would make contracts expire
            return topic.endswith(COMMANDS)
        case _:
            return False


def counts_of(
    existing: Mapping[str, Topic], settings: Settings, partitions: int | None, output_partitions: int | None
) -> tuple[int, int]:
    """How many partitions the commands are to have, and how many the events: as those that exist, if any.

    Raises:
        InputRefused: the latter does not divide the former.
    """
    alike, events = _by_kind(existing, settings.topic_prefix)
    outputs = next((topic.partitions for topic in events), output_partitions)
    most = max((topic.partitions for topic in events), default=settings.topic_partitions)
    count = next((topic.partitions for topic in alike), partitions or most)
    outputs = outputs or count
    if count % outputs:
        raise InputRefused(
            f"{outputs} partitions of events do not divide {count} of commands",
            hint="give --output-partitions a number that divides --partitions",
        )
    return count, outputs


def uneven(topics: Mapping[str, Topic], prefix: str) -> str | None:
    """What is wrong with the partition counts, as a sentence; None if they fit together.

    A dead letter has the partition of its record, the journal has one partition for each of the commands, and
    the events of a partition go to one that is a function of it.
    """
    alike, events = _by_kind(topics, prefix)
    counts = {topic.partitions for topic in alike}
    if len(counts) <= 1 and not any(count % topic.partitions for count in counts for topic in events):
        return None
    listed = ", ".join(f"{topic.name} {topic.partitions}" for topic in topics.values())
    return (
        "commands, dead letters and positions must have equally many partitions, "
        f"and the other topics a number that divides it, but have: {listed}"
    )


def _by_kind(topics: Mapping[str, Topic], prefix: str) -> tuple[list[Topic], list[Topic]]:
    """The topics with as many partitions as the commands, and those of the events."""
    events = {prefix + name for name in EVENT_TOPICS}
    alike = [topic for topic in topics.values() if topic.name not in events]
    return alike, [topic for topic in topics.values() if topic.name in events]

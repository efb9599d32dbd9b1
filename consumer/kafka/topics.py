"""Creates missing topics and checks existing ones. Never changes or deletes a topic."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiokafka import errors as kafka
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from consumer.errors import BrokerDenied, BrokerUnavailable, StartRefused, TopicMismatch, TopicsMissing
from consumer.kafka.admin import connected_admin
from consumer.kafka.topic_plan import Difference, Topic, counts_of, differences, plan, uneven

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from aiokafka.admin import AIOKafkaAdminClient

    from consumer.settings import Settings

VISIBLE_SECONDS: Final = 30.0
"""Maximum time until every broker knows a new topic, in seconds."""

_POLL_SECONDS: Final = 0.05
_FORBIDDEN: Final = (kafka.ClusterAuthorizationFailedError, kafka.TopicAuthorizationFailedError)


@dataclass(frozen=True, slots=True)
class EnsureReport:
    """What `ensure` found and did."""

    topics: tuple[Topic, ...]
    created: tuple[str, ...]
    differences: tuple[Difference, ...]

    @property
    def counts(self) -> dict[str, int]:
        """The partition count of each topic."""
        return {topic.name: topic.partitions for topic in self.topics}


class TopicAdmin:
    """Requests to a broker, with aiokafka's admin client."""

    def __init__(self, client: AIOKafkaAdminClient) -> None:
        self._client = client

    async def describe(self, planned: Iterable[Topic]) -> dict[str, Topic]:
        """Those of the planned topics that exist, with the settings that were planned.

        All topics are listed, because a request for one by name may create it.
        """
        wanted = {topic.name: topic for topic in planned}
        listed = {topic["topic"]: topic["partitions"] for topic in await self._client.describe_topics()}
        found = [name for name in wanted if listed.get(name)]
        configs = await self._configs([wanted[name] for name in found])
        return {
            name: Topic(name, len(listed[name]), len(listed[name][0]["replicas"]), configs.get(name, {}))
            for name in found
        }

    async def _configs(self, topics: Iterable[Topic]) -> dict[str, dict[str, str]]:
        """By topic; a topic whose settings are hidden (no DescribeConfigs right) is left out."""
        resources = [
            ConfigResource(ConfigResourceType.TOPIC, topic.name, dict.fromkeys(topic.settings))
            for topic in topics
        ]
        if not resources:
            return {}
        answers = await self._client.describe_configs(resources)
        return {
            name: {entry[0]: entry[1] for entry in entries}
            for answer in answers
            for code, _, _, name, entries in answer.resources
            if not code
        }

    async def create(self, topics: Iterable[Topic]) -> tuple[str, ...]:
        """Create these topics; returns the names of those that nobody else created first.

        Raises:
            BrokerDenied: the right to create topics is missing.
            StartRefused: the broker refuses them, for instance for too few brokers.
        """
        new = [
            NewTopic(topic.name, topic.partitions, topic.replication, topic_configs=dict(topic.settings))
            for topic in topics
        ]
        if not new:
            return ()
        answer = await self._client.create_topics(new)
        return tuple(row[0] for row in answer.topic_errors if _created(*row))


def _created(name: str, code: int, message: str | None = None) -> bool:
    error = kafka.for_code(code)
    if error is kafka.NoError:
        return True
    if error is kafka.TopicAlreadyExistsError:
        return False
    reason = f"cannot create {name}: {message or error.description}"
    if error in _FORBIDDEN:
        raise BrokerDenied(reason, hint="give this user the rights Create and DescribeConfigs")
    if error is kafka.InvalidReplicationFactorError:
        raise StartRefused(
            reason, hint="on a cluster with few brokers, set CONTRACTS_TOPIC_REPLICATION_FACTOR=1"
        )
    raise StartRefused(reason, hint="")


@asynccontextmanager
async def topic_admin(settings: Settings) -> AsyncIterator[TopicAdmin]:
    """A connected admin client.

    Raises:
        BrokerUnavailable, BrokerDenied: from here or from within the block.
    """
    async with connected_admin(settings) as client:
        yield TopicAdmin(client)


async def ensure(
    settings: Settings, partitions: int | None = None, output_partitions: int | None = None
) -> EnsureReport:
    """Create the topics that are missing, with as many partitions as those of their kind that exist.

    Args:
        settings: where Kafka is, and how topics are to be.
        partitions: of new topics, when there are none yet.
        output_partitions: of new topics of events and results, when there are none of them yet; None: as
            many as the commands.

    Raises:
        InputRefused: the events' partitions do not divide the commands'; nothing was created.
        TopicMismatch: the existing topics' partition counts do not fit together.
    """
    async with topic_admin(settings) as admin:
        existing = await admin.describe(plan(settings))
        _refuse_uneven(existing, settings.topic_prefix)
        count, outputs = counts_of(existing, settings, partitions, output_partitions)
        created, count = await _anchor(admin, settings, existing, count)
        planned = plan(settings, count, outputs)
        created += await admin.create(topic for topic in planned[1:] if topic.name not in existing)
        found = await _wait_until_visible(admin, planned)
    _refuse_uneven(found, settings.topic_prefix)
    return EnsureReport(tuple(found.values()), created, _all_differences(planned, found))


async def _anchor(
    admin: TopicAdmin, settings: Settings, existing: Mapping[str, Topic], count: int
) -> tuple[tuple[str, ...], int]:
    """Create the input first and alone: if it was made a moment ago by others, its count is what counts."""
    commands = plan(settings, count)[:1]
    created = await admin.create(topic for topic in commands if topic.name not in existing)
    found = await _wait_until_visible(admin, commands)
    return created, found[commands[0].name].partitions


async def require(settings: Settings, *names: str) -> tuple[Topic, ...]:
    """Make sure of topics before a client asks for them: asking by name may create them, with wrong settings.

    Returns:
        The topics as they are, in the order of the names.

    Raises:
        TopicsMissing: some are not there (or hidden from this user).
    """
    planned = {topic.name: topic for topic in plan(settings)}
    wanted = [planned[settings.topic_prefix + name] for name in names]
    async with topic_admin(settings) as admin:
        found = await admin.describe(wanted)
    _refuse_missing(wanted, found)
    return tuple(found[topic.name] for topic in wanted)


async def check(settings: Settings) -> EnsureReport:
    """What the service asks before it starts; `topics[0].partitions` is the number of partitions.

    Raises:
        TopicsMissing: some are not there (or hidden from this user).
        TopicMismatch: partition counts differ, or a setting would lose or refuse records.
    """
    planned = plan(settings)
    async with topic_admin(settings) as admin:
        found = await admin.describe(planned)
    _refuse_missing(planned, found)
    _refuse_uneven(found, settings.topic_prefix)
    different = _all_differences(planned, found)
    if fatal := [str(difference) for difference in different if difference.fatal]:
        raise TopicMismatch("; ".join(fatal))
    return EnsureReport(tuple(found.values()), (), different)


def _refuse_missing(wanted: Iterable[Topic], found: Mapping[str, Topic]) -> None:
    if missing := [topic.name for topic in wanted if topic.name not in found]:
        raise TopicsMissing(missing)


def _refuse_uneven(found: Mapping[str, Topic], prefix: str) -> None:
    if wrong := uneven(found, prefix):
        raise TopicMismatch(wrong, hint="to add partitions, follow docs/runbooks/partition-increase.md")


def _all_differences(planned: Iterable[Topic], found: Mapping[str, Topic]) -> tuple[Difference, ...]:
    return tuple(row for topic in planned for row in differences(topic, found[topic.name]))


async def _wait_until_visible(admin: TopicAdmin, planned: tuple[Topic, ...]) -> dict[str, Topic]:
    try:
        async with asyncio.timeout(VISIBLE_SECONDS):
            while len(found := await admin.describe(planned)) < len(planned):  # noqa: ASYNC110 - a broker gives no signal
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        raise BrokerUnavailable("the new topics did not appear", hint="try again") from None
    return found

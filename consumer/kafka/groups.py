"""Consumer groups, as an operator's decision needs them, and the cluster they are in."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from aiokafka import TopicPartition

from consumer.kafka.admin import connected_admin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiokafka.admin import AIOKafkaAdminClient

    from consumer.settings import Settings

_MEMBERS: Final = 5
"""Index of the members in a group of Kafka's DescribeGroups response."""


class Groups:
    """The groups of one cluster. Made by `groups`."""

    def __init__(self, admin: AIOKafkaAdminClient) -> None:
        self._admin = admin

    async def cluster_id(self) -> str:
        """The id of the cluster."""
        return str((await self._admin.describe_cluster())["cluster_id"])

    async def members(self, group: str) -> int:
        """How many members a group has now."""
        answers = await self._admin.describe_consumer_groups([group])
        return sum(len(found[_MEMBERS]) for answer in answers for found in answer.groups)

    async def offset(self, group: str, topic: str, partition: int) -> int | None:
        """The offset that a group has committed; None: it has committed none."""
        topic_partition = TopicPartition(topic, partition)
        found = await self._admin.list_consumer_group_offsets(group, partitions=[topic_partition])
        offset = int(found[topic_partition].offset)
        return None if offset < 0 else offset


@asynccontextmanager
async def groups(settings: Settings) -> AsyncIterator[Groups]:
    """The groups, over a connection of their own.

    Raises:
        BrokerUnavailable, BrokerDenied: from here or from within the block.
    """
    async with connected_admin(settings) as admin:
        yield Groups(admin)

"""The brokers that lead the partitions of one topic, and the connections to them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from random import sample
from typing import TYPE_CHECKING, Any, Final

from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.protocol.metadata import MetadataRequest

from consumer.errors import BrokerDenied, BrokerUnavailable, PartitionMissing
from consumer.kafka.cluster import close_client
from consumer.kafka.connection import broker_error, kafka_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from aiokafka.client import AIOKafkaClient
    from aiokafka.cluster import ClusterMetadata

    from consumer.errors import LogError

NO_LEADER: Final = -1
"""Used as the node id of partitions that have no leader, or that the brokers do not know."""

_REFRESH_SECONDS: Final = 0.1


class Leaders:
    """The leaders of partitions, as last read from the brokers, and requests to them.

    Args:
        make_client: makes an unconnected client.
    """

    def __init__(self, make_client: Callable[[], AIOKafkaClient], topic: str) -> None:
        self.topic = topic
        self._make_client = make_client
        self._client: AIOKafkaClient | None = None
        self._lost = False
        """No broker that we know answers: perhaps they have other addresses by now."""

    async def connect(self) -> None:
        """Connects, or connects again after no broker answered.

        Raises:
            BrokerUnavailable, BrokerDenied: no broker answers, or it refuses access.
        """
        if self._client is not None and not self._lost:
            return
        await self.close()
        client = self._make_client()
        try:
            with kafka_errors(client._bootstrap_servers):
                await client.bootstrap()
                await self._refresh(client)
        except BaseException:
            await close_client(client)
            raise
        self._client, self._lost = client, False

    async def close(self) -> None:
        """Ends the connections; also without a broker."""
        client, self._client = self._client, None
        if client is not None:
            await close_client(client)

    def known(self) -> set[int]:
        """The partitions that the topic has; none: there is no such topic."""
        return self._connected().cluster.partitions_for_topic(self.topic) or set()

    def of(self, partitions: Collection[int]) -> dict[int, list[int]]:
        """The partitions by the number of the node that leads them."""
        cluster = self._connected().cluster
        by_node: dict[int, list[int]] = {}
        for number in partitions:
            node = leader_of(cluster, TopicPartition(self.topic, number))
            by_node.setdefault(node, []).append(number)
        return by_node

    def why_lost(self, number: int) -> LogError:
        """Why a partition has not been readable for some time."""
        if number not in self.known():
            return PartitionMissing(f"{self.topic}/{number} is not there any more")
        return BrokerUnavailable(f"{self.topic}/{number} has no leader")

    async def refresh(self) -> None:
        """Asks the brokers who leads now.

        Raises:
            BrokerUnavailable, BrokerDenied: no broker answers, or it refuses access.
        """
        client = self._connected()
        with kafka_errors(client._bootstrap_servers):
            await self._refresh(client)
        if self.topic in client.cluster.unauthorized_topics:
            raise BrokerDenied(f"Kafka does not let us read {self.topic}")

    async def refresh_soon(self) -> None:
        """The same after a pause, in which a leader may be elected."""
        await asyncio.sleep(_REFRESH_SECONDS)
        await self.refresh()

    async def _refresh(self, client: AIOKafkaClient) -> None:
        try:
            await refresh(client, [self.topic])
        except KafkaConnectionError:
            self._lost = True
            raise

    async def send(self, node: int, request: Any, what: str) -> Any:
        """The answer of this node; `what` says in words what fails without one.

        Raises:
            BrokerUnavailable, BrokerDenied: no answer.
        """
        try:
            return await self._connected().send(node, request)
        except (KafkaError, OSError) as error:
            raise broker_error(what, error) from error

    def _connected(self) -> AIOKafkaClient:
        if self._client is None:
            raise BrokerUnavailable(f"the connection for {self.topic} has ended")
        return self._client


async def refresh(client: AIOKafkaClient, topics: Collection[str]) -> None:
    """Makes the client know who leads in these topics now, and only in these.

    Its own way would create a topic that is not there, where the broker lets it.

    Raises:
        KafkaConnectionError: no broker tells.
    """
    request = MetadataRequest([*topics], allow_auto_topic_creation=False)
    nodes = [broker.nodeId for broker in client.cluster.brokers()] or ["bootstrap"]
    for node in sample(nodes, len(nodes)):
        with suppress(KafkaError, OSError):
            client.cluster.update_metadata(await client.send(node, request))
            return
    raise KafkaConnectionError("no broker tells who leads")


def leader_of(cluster: ClusterMetadata, partition: TopicPartition) -> int:
    """The node that leads the partition, as far as the client knows; NO_LEADER: there is none."""
    node: int | None = cluster.leader_for_partition(partition)
    return NO_LEADER if node is None else node

"""The rights of the program in Kafka, and the version of the brokers: found out without writing to a topic.

Rights are in versions of two requests that aiokafka does not have.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aiokafka import errors as kafka
from aiokafka.protocol.admin import ApiVersionRequest, DescribeGroupsRequest_v3, DescribeGroupsResponse_v3
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String

from consumer.kafka.admin import connected_admin
from consumer.kafka.cluster import END_TRANSACTION, ENDS_AT_ONCE
from consumer.kafka.connection import broker_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping

    from aiokafka.admin import AIOKafkaAdminClient

    from consumer.settings import Settings

READ: Final = "Read"
WRITE: Final = "Write"
DESCRIBE_CONFIGS: Final = "DescribeConfigs"
_BITS: Final = {READ: 3, WRITE: 4, DESCRIBE_CONFIGS: 10}
"""Kafka's numbers of these operations: the bits of `authorized_operations`."""

_NOT_LISTED: Final = -(1 << 31)


class _MetadataResponse(Response):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            Array(
                ("node_id", Int32),
                ("host", String("utf-8")),
                ("port", Int32),
                ("rack", String("utf-8")),
            ),
        ),
        ("cluster_id", String("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", String("utf-8")),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
        ("cluster_authorized_operations", Int32),
    )


class _MetadataStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        ("topics", Array(String("utf-8"))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class _TopicRights(Request[_MetadataStruct]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, topics: Collection[str]) -> None:
        self._topics = [*topics]

    def build(self, request_struct_class: Any) -> Any:
        """Does not create the topics."""
        return request_struct_class(self._topics, False, False, True)  # noqa: FBT003 - fields of the wire


class _GroupStruct(RequestStruct):  # type: ignore[misc]
    """aiokafka's own class would be taken for version 2, which has no rights."""

    API_KEY = 15
    API_VERSION = 3
    RESPONSE_TYPE = DescribeGroupsResponse_v3
    SCHEMA = DescribeGroupsRequest_v3.SCHEMA


class _GroupRights(Request[_GroupStruct]):  # type: ignore[misc]
    API_KEY = 15

    def __init__(self, group: str) -> None:
        self._group = group

    def build(self, request_struct_class: Any) -> Any:
        """One group, with the rights on it."""
        return request_struct_class([self._group], True)  # noqa: FBT003 - a field of the wire


@dataclass(frozen=True, slots=True)
class Cluster:
    """Who answers. `ends_at_once`: Kafka 4.0 or later, whose transactions end when they say so."""

    id: str
    brokers: int
    ends_at_once: bool


class Inquiry:
    """Queries to the brokers, with aiokafka's admin client.

    Each raises BrokerUnavailable or BrokerDenied.
    """

    def __init__(self, admin: AIOKafkaAdminClient) -> None:
        self._admin = admin

    async def cluster(self) -> Cluster:
        """The cluster, and the abilities of its brokers."""
        description = await self._admin.describe_cluster()
        answer = await self._ask(ApiVersionRequest(), "the brokers do not tell what they can")
        newest = {api: version for api, _, version in answer.api_versions}
        ends_at_once = newest.get(END_TRANSACTION, 0) >= ENDS_AT_ONCE
        return Cluster(str(description["cluster_id"]), len(description["brokers"]), ends_at_once)

    async def topic_rights(self, topics: Collection[str]) -> dict[str, frozenset[str] | None]:
        """The rights on each of these topics; a topic that does not exist is left out.

        None: the broker does not say. A hidden topic has no rights.
        """
        try:
            answer = await self._ask(_TopicRights(topics), "the rights on topics are not known")
        except NotImplementedError:  # a broker without this version of the request
            return dict.fromkeys(topics)
        return {
            name: frozenset() if code == kafka.TopicAuthorizationFailedError.errno else _rights(operations)
            for code, name, _, _, operations in answer.topics
            if code != kafka.UnknownTopicOrPartitionError.errno
        }

    async def group_rights(self, group: str) -> frozenset[str] | None:
        """The rights on a consumer group; None: the broker does not say."""
        what = f"the rights on the group {group} are not known"
        try:
            node = await self._admin.find_coordinator(group)
            answer = await self._ask(_GroupRights(group), what, node)
        except NotImplementedError:
            return None
        except kafka.GroupAuthorizationFailedError:
            return frozenset()
        [described] = answer.groups
        code, operations = described[0], described[-1]
        if code == kafka.GroupAuthorizationFailedError.errno:
            return frozenset()
        if code:
            raise broker_error(what, kafka.for_code(code)())
        return _rights(operations)

    async def _ask(self, request: Any, what: str, node: int | None = None) -> Any:
        client = self._admin._client
        try:
            return await client.send(client.get_random_node() if node is None else node, request)
        except (kafka.KafkaError, OSError) as error:
            raise broker_error(what, error) from error


def _rights(operations: int) -> frozenset[str] | None:
    if operations == _NOT_LISTED:
        return None
    return frozenset(name for name, bit in _BITS.items() if operations >> bit & 1)


@asynccontextmanager
async def inquiry(settings: Settings) -> AsyncIterator[Inquiry]:
    """A connected Inquiry.

    Raises:
        BrokerUnavailable, BrokerDenied: from here or from within the block.
    """
    async with connected_admin(settings) as admin:
        yield Inquiry(admin)


def missing_rights(
    wanted: Mapping[str, Collection[str]], given: Mapping[str, frozenset[str] | None]
) -> list[str]:
    """Of the wanted rights by name of the topic those that we do not have, as `Read on NAME`.

    Rights that the broker does not list, and topics that are not there, count as had.
    """
    return [
        f"{right} on {name}"
        for name, rights in wanted.items()
        if (had := given.get(name)) is not None
        for right in rights
        if right not in had
    ]

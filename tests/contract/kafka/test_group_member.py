"""A member that ends while it joins: at once, and without holding the others up for its session timeout."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import count
from typing import NamedTuple

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.protocol.group import JoinGroupRequest

from consumer.kafka.group_member import GroupMember
from consumer.kafka.groups import Groups
from consumer.kafka.membership import Membership
from tests.servers import create_topic

SESSION_MS = 30_000
PARTITIONS = 2
PATIENCE = 60.0
SOON = 12.0
"""Less than the session timeout, more than a busy machine takes to join again."""

LATE = 0.5
"""More than it takes to find the coordinator, and than a heartbeat."""


class Slow(ConsumerRebalanceListener):
    """Gives its partitions back when it is allowed to."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.allowed = asyncio.Event()
        self.assigned: asyncio.Queue[int] = asyncio.Queue()

    async def on_partitions_revoked(self, revoked):
        if revoked:
            self.asked.set()
            await self.allowed.wait()

    async def on_partitions_assigned(self, assigned):
        self.assigned.put_nowait(len(assigned))


class Quick(ConsumerRebalanceListener):
    async def on_partitions_revoked(self, revoked): ...

    async def on_partitions_assigned(self, assigned): ...


def consumer_of(kafka, group):
    return AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="none",
        session_timeout_ms=SESSION_MS,
        heartbeat_interval_ms=200,
        rebalance_timeout_ms=SESSION_MS,
        metadata_max_age_ms=1_000,
    )


class Joining(NamedTuple):
    """A group with one slow member, which has all partitions; what another member needs to join it."""

    slow: Slow
    consumer: AIOKafkaConsumer
    make_client: Callable[[], AIOKafkaClient]
    topic: str
    name: str
    groups: Groups

    async def alone_again(self):
        self.slow.allowed.set()
        async with asyncio.timeout(SOON):
            while await self.slow.assigned.get() != PARTITIONS:
                pass
        assert await self.groups.members(self.name) == 1


@pytest.fixture
async def group(kafka, topic_prefix):
    topic, name = create_topic(kafka.bootstrap, f"{topic_prefix}topic", PARTITIONS), f"{topic_prefix}group"
    slow, other = Slow(), consumer_of(kafka, name)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    other.subscribe([topic], listener=slow)
    await other.start()
    await admin.start()
    try:
        assert await asyncio.wait_for(slow.assigned.get(), PATIENCE) == PARTITIONS
        make_client = partial(AIOKafkaClient, bootstrap_servers=kafka.bootstrap)
        yield Joining(slow, consumer_of(kafka, name), make_client, topic, name, Groups(admin))
    finally:
        slow.allowed.set()
        await admin.close()
        await other.stop()


async def test_a_member_that_ends_while_joining_leaves_the_group(group):
    member = GroupMember(group.consumer, group.make_client, group.topic, reached=dict)
    joining = asyncio.create_task(member.join(Quick()))
    await asyncio.wait_for(group.slow.asked.wait(), PATIENCE)
    assert not joining.done()
    joining.cancel()
    with suppress(asyncio.CancelledError):
        await joining
    await member.leave()
    await group.alone_again()


@pytest.mark.parametrize("held", [1, 2], ids=["the first request", "the one with its id"])
async def test_a_request_to_join_that_is_sent_late_is_no_membership(group, held, monkeypatch):
    """The member is ended before its request to join is sent: aiokafka sends it all the same."""
    ending, left, joins, send = asyncio.Event(), asyncio.Event(), count(1), GroupCoordinator._send_req

    async def late(coordinator, request):
        ours = coordinator is group.consumer._coordinator
        if ours and isinstance(request, JoinGroupRequest) and next(joins) == held:
            ending.set()
            await left.wait()
        return await send(coordinator, request)

    monkeypatch.setattr(GroupCoordinator, "_send_req", late)
    member = GroupMember(group.consumer, group.make_client, group.topic, reached=dict)
    joining = asyncio.create_task(member.join(Quick()))
    await asyncio.wait_for(ending.wait(), PATIENCE)
    joining.cancel()
    with suppress(asyncio.CancelledError):
        await joining
    leaving = asyncio.create_task(member.leave())
    await asyncio.sleep(LATE)
    left.set()
    await asyncio.wait_for(leaving, SOON)
    await asyncio.sleep(LATE)
    group.slow.allowed.set()
    if group.slow.asked.is_set():
        await group.alone_again()
    assert await group.groups.members(group.name) == 1


async def test_a_process_that_is_stopped_while_joining_does_not_wait_for_the_group(group):
    membership = Membership(
        group.consumer,
        group.make_client,
        group.topic,
        lambda *_: pytest.fail("nothing is assigned"),
        drain_seconds=1,
        owned=lambda *_: None,
    )
    running = asyncio.create_task(membership.run())
    await asyncio.wait_for(group.slow.asked.wait(), PATIENCE)
    membership.stop()
    await asyncio.wait_for(running, SOON)
    await group.alone_again()

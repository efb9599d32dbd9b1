"""A broker that publishes slowly: what is stored and not published stays small, and all is published."""

import asyncio

import pytest

from consumer.engine import publish_queue, reading
from consumer.engine.publishing import Publishing
from consumer.engine.storing import Storing
from consumer.storage.protocols import SESSIONS
from tests.simulation.publisher import SimulatedPublisher
from tests.simulation.test_too_slow import a_backlog, in_virtual_time

LIMIT = 2_000
PARTITIONS = 8


@pytest.fixture
def unpublished(monkeypatch):
    """Bytes of the outputs that are not published, each time that some are stored; and of each batch."""
    held, batches = [0], []
    store, publish, transact = Storing.store, Publishing.publish, SimulatedPublisher._transact

    async def counted(storing, lane, partitions):
        stored = await store(storing, lane, partitions)
        batches.append(sum(one.bytes for one in stored))
        held.append(held[-1] + batches[-1])
        return stored

    async def published(publishing, stored):
        await publish(publishing, stored)
        held.append(held[-1] - sum(one.bytes for one in stored))

    async def slow(publisher, epoch, given):
        await asyncio.sleep(1.0)
        return await transact(publisher, epoch, given)

    monkeypatch.setattr(Storing, "store", counted)
    monkeypatch.setattr(Publishing, "publish", published)
    monkeypatch.setattr(SimulatedPublisher, "_transact", slow)
    return held, batches


@pytest.mark.parametrize("limited", [True, False])
def test_no_more_is_stored_than_fits_until_it_is_published(limited, unpublished, monkeypatch):
    held, batches = unpublished
    monkeypatch.setattr(publish_queue, "UNPUBLISHED_BYTES", LIMIT if limited else 1 << 30)
    in_virtual_time(a_backlog(PARTITIONS, batch=5))
    assert (max(held) <= LIMIT + SESSIONS * max(batches)) == limited
    assert held[-1] == 0


def test_with_room_for_one_command_of_each_partition_all_is_published(monkeypatch):
    monkeypatch.setattr(reading, "WAITING_BYTES", 1)
    in_virtual_time(a_backlog(PARTITIONS))

"""Requests that must not be repeated: a late one would act on the next transaction."""

import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, RequestTimedOutError
from aiokafka.producer.sender import Sender
from aiokafka.producer.transaction_manager import TransactionResult
from aiokafka.structs import OffsetAndMetadata

from consumer.errors import PublishInDoubt
from producers import publisher


class Transaction:
    transactional_id, producer_id, producer_epoch = "id", 1, 0

    def is_empty_transaction(self):
        return False


class Accumulator:
    async def flush_for_commit(self):
        pass


class Client:
    def __init__(self, error):
        self.error = error
        self.sent = 0

    async def send(self, node, request, *, group):
        self.sent += 1
        raise self.error


class FakeSender:
    _retry_backoff = 0.001
    _txn_manager = Transaction()
    _message_accumulator = Accumulator()

    def __init__(self, error):
        self.client = Client(error)

    async def _find_coordinator(self, kind, key):
        return 0


@pytest.mark.parametrize("error", [KafkaConnectionError(), RequestTimedOutError()], ids=repr)
async def test_an_offset_is_committed_once(error):
    sender = FakeSender(error)
    with pytest.raises(PublishInDoubt):
        await publisher._commit_offsets_once(
            sender, {TopicPartition("t", 0): OffsetAndMetadata(5, "")}, "group"
        )
    assert sender.client.sent == 1


@pytest.mark.parametrize("error", [KafkaConnectionError(), RequestTimedOutError()], ids=repr)
async def test_a_transaction_is_ended_once(error):
    sender = FakeSender(error)
    with pytest.raises(PublishInDoubt):
        await publisher._end_transaction_once(sender, TransactionResult.COMMIT)
    assert sender.client.sent == 1


def test_the_client_still_calls_what_is_replaced():
    assert {"_do_txn_offset_commit", "_do_txn_commit"} <= vars(Sender).keys()


class Connected:
    """In the place of aiokafka's client, or of its producer."""

    def __init__(self):
        self.client = self._sender = self
        self.sender_task = None
        self.connecting = asyncio.Event()

    async def ready(self, node, *, group=None):
        await self.connecting.wait()
        return True

    async def close(self):
        pass


async def test_a_discarded_producer_starts_no_request_that_was_waiting_for_its_connection():
    """Late, it would end up in a transaction that is settled already."""
    producer = Connected()
    one = publisher.Publisher(lambda _: producer, group="g", topic="t", partition=0, deadline=1)
    one._producer = producer
    one._guard(producer)
    waiting = asyncio.create_task(producer.client.ready(1))
    await asyncio.sleep(0)
    await one.discard()
    producer.connecting.set()
    assert not await waiting

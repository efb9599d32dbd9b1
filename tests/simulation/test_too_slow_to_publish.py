"""A broker that large transactions are too slow for: the service comes to transactions that end in time."""

import asyncio

import pytest

from consumer.engine import catching_up
from consumer.engine.batch_size import BatchSize
from consumer.kafka.patience import Patience
from tests.simulation.checker import Violation
from tests.simulation.publisher import DEADLINE, SimulatedPublisher
from tests.simulation.test_too_slow import BACKLOG, a_backlog, in_virtual_time

PARTITIONS = 4
BEARABLE = BACKLOG + BACKLOG // 2
"""Records of a transaction that end in time: those of one partition's first batch, not of two."""

JOURNAL_ENTRIES = 1
"""Record batches of a transaction that has no outputs."""


@pytest.fixture
def given_up(monkeypatch):
    """Records of each transaction that had no answer, one after the other."""
    sizes = []
    transact = SimulatedPublisher._transact

    async def slow(publisher, epoch, batches):
        records = sum(batch.records for batch in batches)
        if records > BEARABLE:
            sizes.append(records)
            await asyncio.sleep(2 * DEADLINE)
        return await transact(publisher, epoch, batches)

    monkeypatch.setattr(SimulatedPublisher, "_transact", slow)
    return sizes


@pytest.fixture
def too_slow(monkeypatch):
    """Each larger transaction that had no answer, also if nothing else is in it."""
    given_up = []
    transact = SimulatedPublisher._transact

    async def slow(publisher, epoch, batches):
        if len(batches) > JOURNAL_ENTRIES:
            given_up.append(len(batches))
            await asyncio.sleep(3 * DEADLINE)
            given_up.pop()
        return await transact(publisher, epoch, batches)

    monkeypatch.setattr(SimulatedPublisher, "_transact", slow)
    return given_up


def test_a_single_batch_is_published_in_a_transaction_that_takes_longer(too_slow):
    in_virtual_time(a_backlog(1))
    assert 0 < len(too_slow) < 5


def test_the_same_single_batch_again_and_again_is_seen_here(too_slow, monkeypatch):
    monkeypatch.setattr(Patience, "grow", lambda _: None)
    with pytest.raises(Violation, match="not everything was published in time"):
        in_virtual_time(a_backlog(1))
    assert len(set(too_slow)) == 1


def test_what_is_stored_is_published_in_smaller_transactions(given_up):
    in_virtual_time(a_backlog(PARTITIONS))
    assert given_up
    assert len(given_up) < 10


def test_the_same_transaction_again_and_again_is_seen_here(given_up, monkeypatch):
    class Never(Exception):
        """In the place of the error after which transactions become smaller."""

    monkeypatch.setattr(catching_up, "PublishInDoubt", Never)
    monkeypatch.setattr(BatchSize, "halve", lambda *_: None)
    with pytest.raises(Violation, match="not everything was published in time"):
        in_virtual_time(a_backlog(PARTITIONS))
    assert len(set(given_up[1:])) == 1

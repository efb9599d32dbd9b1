"""Movements of revenue are added up with the positions: each batch once, or not at all."""

from decimal import Decimal

import pytest

from consumer.errors import Fenced, PoisonDocument
from consumer.storage.movements import Bucket, Tallied, Total
from consumer.storage.protocols import Position
from tests.contract.storage.owner import Owner
from tests.contract.storage.samples import ORIGIN, PARTITION, writes

BUCKET = Bucket("2026-03-01", "basic", "USD")


def tallied(partition: str = PARTITION, bucket: Bucket = BUCKET, **amounts: str) -> Tallied:
    return Tallied(partition, bucket, {kind: Total(Decimal(amount), 1) for kind, amount in amounts.items()})


async def test_what_batches_moved_is_added_up_by_day_plan_and_currency(backend, owner):
    later = BUCKET._replace(day="2026-03-02")
    await owner.commit(
        writes(movements=[tallied(new="99.5", churn="-0.0001"), tallied(bucket=later, new="1")])
    )
    await owner.commit(writes(movements=[tallied(new="0.5", moved="-20")]))
    assert sorted(backend.movements()) == [
        Tallied(
            PARTITION,
            BUCKET,
            {
                "new": Total(100, 2),
                "churn": Total(Decimal("-0.0001"), 1),
                "moved": Total(-20, 1),
            },
        ),
        tallied(bucket=later, new="1"),
    ]


async def test_partitions_have_tallies_of_their_own(backend):
    owner = await Owner(backend.store(), "me", "t/1").claim(
        Position("t/1", ORIGIN, 10), Position("t/2", ORIGIN, 20)
    )
    moves = [owner.move(Position("t/1", ORIGIN, 11)), owner.move(Position("t/2", ORIGIN, 21))]
    await owner.commit_all(writes(movements=[tallied("t/1", new="1"), tallied("t/2", new="2")]), moves)
    assert sorted(backend.movements()) == [tallied("t/1", new="1"), tallied("t/2", new="2")]


async def test_a_batch_that_is_not_stored_moves_nothing(backend, owner):
    await owner.commit(writes(movements=[tallied(new="1")]))
    await Owner(backend.store(), "second").claim()
    with pytest.raises(Fenced):
        await owner.commit(writes(movements=[tallied(new="1")]))
    assert backend.movements() == [tallied(new="1")]


async def test_a_transaction_that_is_given_up_moves_nothing(backend, owner):
    with pytest.raises(PoisonDocument):
        await _given_up(owner)
    assert backend.movements() == []


async def _given_up(owner):
    async with owner.transaction() as transaction:
        await transaction.write(writes(movements=[tallied(new="1")]), [owner.move()])
        raise PoisonDocument("whatever")

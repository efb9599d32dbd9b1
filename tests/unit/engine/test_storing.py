"""Batches: as large as they may be, smaller where the database demands it, silent where published before."""

import pytest

from consumer.engine import refusals
from consumer.engine.storing import CONFLICT_TRIES
from consumer.errors import (
    BatchTooLarge,
    StoreUnavailable,
    WriteConflict,
)
from tests.unit.engine.logs import ACCOUNTS, create, record, update
from tests.unit.engine.oracle import by_topic, expected, read
from tests.unit.engine.storer import FIRST, Scene, updates


async def test_a_batch_is_told_before_it_is_committed():
    """Kafka's transaction begins then, with the partitions of its outputs."""
    scene = await Scene([create(0), *updates(3)]).begin()
    told = []
    scene.storing._before_commit = lambda applied: told.append((scene.position.next, applied))
    await scene.store_once()
    ((position, (applied,)),) = told
    assert position == 0
    assert applied.position.next == 4
    assert [out.topic for out in applied.outputs] == [out.topic for out in scene.batches[0].outputs]


# ---- sizes


async def test_all_that_waits_is_one_batch():
    scene = await Scene([create(0), *updates(99)]).store_all()
    assert scene.sizes == [100]
    scene.check()


async def test_a_batch_has_at_most_so_many_commands():
    scene = await Scene([create(0), *updates(9)], batch_commands=4).store_all()
    assert scene.sizes == [4, 4, 2]
    assert [batch.position.next for batch in scene.batches] == [4, 8, 10]
    scene.check()


async def test_batches_begin_small_after_a_takeover(monkeypatch):
    monkeypatch.setattr("consumer.engine.batch_size.FIRST_BATCH", 3)
    scene = await Scene([create(0), *updates(40)], batch_commands=10).begin()
    for _ in range(3):
        await scene.store_once()
    await scene.go_on(scene.batches[-1].position)
    await scene.store_all()
    assert scene.sizes == [3, 6, 10, 3, 6, 10, 3]
    scene.check()


async def test_a_batch_ends_when_its_outputs_are_large():
    scene = await Scene([create(0), *updates(19)], batch_output_bytes=10_000).store_all()
    assert 3 < len(scene.batches) < 10
    assert max(scene.sizes) < 8
    scene.check()


async def test_a_batch_that_is_not_published_again_ends_when_it_is_large_too():
    """A replay of months must not pile them up in one transaction."""
    log = [create(0), *(update(offset, notes="x" * 9_000) for offset in range(1, 20))]
    scene = await Scene(log, publish_from=20, batch_output_bytes=50_000).store_all()
    assert len(scene.batches) > 2


async def test_a_transaction_that_is_too_large_is_halved_until_it_fits():
    scene = await Scene([create(0), *updates(39)], bearable=12).begin()
    while not scene.batches:
        await scene.store_once()
    assert scene.tried == [40, 20, 10]
    await scene.store_all()
    assert max(scene.sizes) <= 12
    scene.check()


async def test_batches_grow_again_once_the_database_can_take_more():
    scene = await Scene([create(0), *updates(99)], bearable=7).begin()
    while not scene.batches:
        await scene.store_once()
    scene.world.chaos.sizes = scene.world.chaos.sizes._replace(bearable=1_000)
    await scene.store_all()
    assert scene.sizes == [6, 12, 24, 48, 10]
    scene.check()


async def test_a_single_command_that_is_too_large_is_tried_again_alone(monkeypatch):
    monkeypatch.setattr(refusals, "AGAIN_SECONDS", 0.0)
    scene = await Scene([create(0)]).begin()
    scene.caller.fail("write", *[BatchTooLarge("MaxTimeMSExpired")] * 3)
    for refusal in (type(None), BatchTooLarge, BatchTooLarge):
        assert await scene.store_once() == []
        assert type(scene.partition.batch_size.refusal) is refusal
    await scene.store_all()
    assert scene.partition.batch_size.refusal is None
    assert scene.tried == [1, 1, 1, 1]
    scene.check()


async def test_a_database_that_may_only_be_slow_gets_less():
    scene = await Scene([create(0), *updates(39)]).begin()
    scene.caller.fail("commit", StoreUnavailable("slow"))
    with pytest.raises(StoreUnavailable):
        await scene.store_once()
    await scene.go_on(FIRST)
    await scene.store_all()
    assert scene.sizes == [20, 20]
    scene.check()


# ---- conflicts


async def test_a_conflict_is_tried_again():
    scene = await Scene([create(0), *updates(3)]).begin()
    scene.caller.fail("write", *[WriteConflict("passing")] * (CONFLICT_TRIES - 1))
    await scene.store_all()
    assert scene.sizes == [4]
    scene.check()


async def test_a_conflict_that_does_not_pass_is_given_up():
    scene = await Scene([create(0)]).begin()
    scene.caller.fail("commit", *[WriteConflict("lasting")] * CONFLICT_TRIES)
    with pytest.raises(WriteConflict):
        await scene.store_once()


# ---- applied again, not published again


async def test_what_was_published_is_applied_again_in_silence():
    log = [create(0), *updates(9)]
    scene = await Scene(log, publish_from=6).store_all()
    assert [batch.position.next for batch in scene.batches] == [6, 10]
    assert scene.batches[0].outputs is None
    published = expected(log).outputs[len(expected(log[:6]).outputs) :]
    assert by_topic(read(scene.batches[1].outputs)) == by_topic(published)
    assert scene.database.contracts == expected(log).contracts


async def test_silence_ends_where_publishing_begins_even_between_records():
    """Behind the last published record lie transaction markers; the next record lies behind them."""
    scene = await Scene([create(0), update(1), update(5)], publish_from=4).store_all()
    assert [(batch.position.next, batch.outputs is None) for batch in scene.batches] == [
        (4, True),
        (6, False),
    ]


async def test_silence_without_any_record_left_moves_the_position_all_the_same():
    scene = await Scene([create(7)], publish_from=5).begin()
    (batch,) = await scene.store_once()
    assert (batch.position.next, batch.outputs, batch.timestamps) == (5, None, [])
    (batch,) = await scene.store_once()
    assert batch.position.next == 8


# ---- what the owner remembers


async def test_that_an_account_has_no_contract_is_remembered_too():
    log = [update(0), update(1), record(2, ACCOUNTS[0], "create", {"contract_type": "basic"}), update(3)]
    scene = await Scene(log, batch_commands=1).store_all()
    scene.check()

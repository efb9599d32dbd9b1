"""What one command is refused for does not stop the others; too many dead letters, and torn databases, do."""

from dataclasses import replace

import pytest

from consumer.engine import refusals
from consumer.engine.records import Undecodable
from consumer.errors import (
    DeadLetterLimit,
    Fenced,
    PoisonDocument,
    StoreUnavailable,
    TornDatabase,
)
from consumer.storage.protocols import Stop
from tests.unit.engine.logs import ACCOUNTS, ADOPTED, POISON, create, record, rubbish, update
from tests.unit.engine.scene import PLACE
from tests.unit.engine.storer import FIRST, Scene, updates

# ---- poison


@pytest.mark.parametrize("place", [0, 1, 17, 38, 39])
async def test_only_the_poisonous_command_becomes_a_dead_letter(place):
    log = [create(0), *updates(39)]
    log[place] = (
        create(0, external_reference=POISON) if place == 0 else update(place, external_reference=POISON)
    )
    scene = await Scene(log).store_all()
    wanted = scene.check()
    refused = [one for one in wanted.history.values() if one.code == "refused_by_database"]
    assert [one.offset for one in refused] == [place]
    assert len(scene.tried) < 20  # found by halving, not one by one


async def test_each_of_several_poisonous_commands_is_found():
    log = [create(0), *updates(39)]
    for place in (3, 4, 20, 37):
        log[place] = update(place, ACCOUNTS[0], external_reference=POISON)
    wanted = (await Scene(log).store_all()).check()
    assert wanted.refused == 4


async def test_after_poison_batches_are_as_large_as_before():
    log = [create(0), update(1, external_reference=POISON), *updates(98, 2)]
    scene = await Scene(log, batch_commands=20).store_all()
    assert scene.sizes[-3:] == [20, 20, 19]
    scene.check()


async def test_a_dead_letter_that_is_refused_itself_is_tried_again(monkeypatch):
    """Nothing is left to put in its place."""
    monkeypatch.setattr(refusals, "AGAIN_SECONDS", 0.0)
    scene = await Scene([rubbish(0)]).begin()
    scene.caller.fail("write", *[PoisonDocument("refused")] * 3)
    assert await scene.store_once() == []
    assert await scene.store_once() == []
    assert isinstance(scene.partition.batch_size.refusal, PoisonDocument)
    await scene.store_all()
    assert scene.partition.batch_size.refusal is None
    scene.check()


async def test_a_refused_command_stays_in_the_intake_as_a_dead_letter():
    scene = await Scene([create(0, external_reference=POISON)]).begin()
    await scene.store_once()
    scene.caller.fail("commit", StoreUnavailable("the dead letter is not stored either"))
    with pytest.raises(StoreUnavailable):
        await scene.store_once()
    ((first,), _) = scene.partition.intake.take(1, None)
    assert isinstance(first, Undecodable)


async def test_an_id_that_another_account_has_by_now_is_asked_for_and_refused():
    log = [record(number, ACCOUNTS[number], "adopt", ADOPTED) for number in range(2)]
    scene = await Scene(log).store_all()
    scene.check()
    assert {*scene.database.contracts} == {ACCOUNTS[0]}


async def test_an_error_in_the_fold_is_no_poison(monkeypatch):
    """It would vanish as a dead letter; the process must fall, so that somebody looks."""
    scene = await Scene([create(0)]).begin()
    monkeypatch.setattr("consumer.engine.fold.decide", lambda *_: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        await scene.store_once()
    assert scene.position == FIRST


# ---- the limit of dead letters


LIMITS = {"dead_letter_count": 10, "dead_letter_window": 40, "dead_letter_share": 0.5}


async def test_a_flood_of_dead_letters_stops_before_it_is_applied():
    log = [create(0), *updates(4), *(rubbish(offset) for offset in range(5, 45))]
    scene = await Scene(log, batch_commands=5, **LIMITS).store_all()
    assert isinstance(scene.partition.error, DeadLetterLimit)
    assert "11 of the last 16 records" in str(scene.partition.error)
    assert scene.database.noted == {PLACE: Stop(str(scene.partition.error), None)}
    assert scene.position.next == 15
    assert scene.sizes == [5, 5, 5]


async def test_a_flood_within_a_large_batch_is_noticed_too():
    log = [create(0), *(rubbish(offset) for offset in range(1, 60)), *updates(60, 60)]
    scene = await Scene(log, **LIMITS).store_all()
    assert isinstance(scene.partition.error, DeadLetterLimit)
    assert scene.position.next == 0


@pytest.mark.parametrize("dead", [10, 19])
async def test_some_dead_letters_are_no_flood(dead):
    """Not more than the count, or not more than the share."""
    good = 0 if dead == 10 else 20
    log = [create(0), *updates(good), *(rubbish(good + 1 + number) for number in range(dead))]
    scene = await Scene(log, **LIMITS).store_all()
    assert scene.sizes == [len(log)]


async def test_old_dead_letters_are_forgotten():
    log = [create(0)]
    for _ in range(4):
        first = log[-1].offset + 1
        log += [rubbish(first + number) for number in range(9)] + updates(40, first + 9)
    scene = await Scene(log, batch_commands=49, **LIMITS).store_all()
    assert scene.partition.error is None


async def test_the_limit_can_be_switched_off():
    log = [rubbish(offset) for offset in range(60)]
    scene = await Scene(log, dead_letter_limit_off=True, **LIMITS).store_all()
    assert scene.sizes == [60]


# ---- torn, or overtaken


def set_back(scene, offset):
    """The position alone goes back."""
    scene.database.positions_by_name[PLACE] = replace(scene.position, next=offset)


async def test_a_contract_ahead_of_the_position_is_a_torn_database():
    scene = await Scene([create(0), *updates(5)]).store_all()
    set_back(scene, 3)
    await scene.go_on(scene.position)
    await scene.store_once()
    assert isinstance(scene.partition.error, TornDatabase)
    assert "applied offset 5" in str(scene.partition.error)


async def test_a_contract_just_one_command_ahead_is_torn_too():
    scene = await Scene([create(0)]).store_all()
    scene.database.history.clear()
    set_back(scene, 0)
    await scene.go_on(FIRST)
    await scene.store_once()
    assert "applied offset 0" in str(scene.partition.error)


async def test_history_ahead_of_the_position_is_a_torn_database():
    scene = await Scene([create(0), *updates(5)]).store_all()
    scene.database.current.clear()
    set_back(scene, 0)
    await scene.go_on(FIRST)
    await scene.store_once()
    assert "the history has offset" in str(scene.partition.error)


async def test_what_a_new_owner_wrote_is_not_torn_but_fences():
    scene = await Scene([create(0), *updates(5)]).store_all()
    await scene.go_on(replace(scene.position, next=3))  # as the old owner still believes
    scene.database.owners[PLACE] = "heir"
    with pytest.raises(Fenced):
        await scene.store_once()
    assert scene.partition.error is None

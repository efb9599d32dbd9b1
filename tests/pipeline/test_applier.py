"""Batches: as large as they may be, smaller where the database demands it, and stopped where they must be."""

from dataclasses import replace

import bson
import pytest

from consumer.domain.openings import opened_id
from consumer.errors import (
    BatchTooLarge,
    ContractIdTaken,
    DeadLetterLimit,
    Fenced,
    PoisonDocument,
    StoreUnavailable,
    TornDatabase,
    WriteConflict,
)
from consumer.pipeline.applier import CONFLICT_TRIES, Applier, Limits
from consumer.pipeline.cache import CacheBudget, ContractCache
from consumer.pipeline.encoder import Encoder
from consumer.pipeline.records import Undecodable
from consumer.pipeline.resume import Resumed
from consumer.storage.memory import MemoryStore, Stored
from consumer.storage.protocols import Position
from tests.pipeline.logs import ACCOUNTS, ADOPTED, POISON, create, record, rubbish, update
from tests.pipeline.oracle import POLICY, by_topic, decoded, expected, is_poison, read
from tests.pipeline.world import METRICS, ORIGIN, PLACE

FIRST = Position(PLACE, ORIGIN, next=0)


class Store(MemoryStore):
    """Counts transactions, and takes only so much at once."""

    def __init__(self):
        super().__init__()
        self.positions[PLACE] = FIRST
        self.owners[PLACE] = "me"
        self.sizes = []
        self.bearable = 10_000

    def _check_write(self, writes):
        self.sizes.append(len(writes.history))
        if len(writes.history) > self.bearable:
            raise BatchTooLarge("too much at once")
        if is_poison(writes.contracts, writes.former, writes.history):
            raise PoisonDocument("refused")

    def transaction(self, partition, *, owner, expected):
        outer, inner = self, super().transaction(partition, owner=owner, expected=expected)

        class Checked:
            async def __aenter__(self):
                self.batch = await inner.__aenter__()
                self.contracts, self.seen = self.batch.contracts, self.batch.seen
                self.holders = self.batch.holders
                return self

            async def write(self, writes, position):
                await self.batch.write(writes, position)
                outer._check_write(writes)

            async def __aexit__(self, *error):
                return await inner.__aexit__(*error)

        return Checked()


class Scene:
    """An owner with records that wait."""

    def __init__(self, log, *, publish_from=0, **limits):
        self.log = log
        self.store = Store()
        self.applier = Applier(
            self.store,
            Encoder(0),
            owner="me",
            policy=POLICY,
            limits=Limits(**limits),
            cache=ContractCache(CacheBudget(1 << 20)),
            compression="none",
            metrics=METRICS,
        )
        self.batches = []
        self.go_on(FIRST, publish_from)

    def go_on(self, position, publish_from=0):
        self.applier.go_on_from(Resumed(position, publish_from))
        left = [one for one in self.log if one.offset >= position.next]
        self.applier.intake.records.extend(map(decoded, left))
        self.applier.intake.next = self.log[-1].offset + 1

    async def apply(self):
        self.batches.append(await self.applier.apply())
        return self.batches[-1]

    async def apply_all(self):
        while self.applier.intake.records:
            await self.apply()
        return self

    @property
    def sizes(self):
        return [len(batch.timestamps) for batch in self.batches]

    def check(self):
        wanted = expected(self.log)
        assert by_topic(read([out for batch in self.batches for out in batch.outputs])) == by_topic(
            wanted.outputs
        )
        assert self.store.contracts == wanted.contracts
        assert self.store.history == wanted.history
        return wanted


def updates(count, first=1):
    return [update(offset) for offset in range(first, first + count)]


# ---- sizes


async def test_all_that_waits_is_one_batch():
    scene = await Scene([create(0), *updates(99)]).apply_all()
    assert scene.sizes == [100]
    scene.check()


async def test_a_batch_has_at_most_so_many_commands():
    scene = await Scene([create(0), *updates(9)], batch_commands=4).apply_all()
    assert scene.sizes == [4, 4, 2]
    assert [batch.position.next for batch in scene.batches] == [4, 8, 10]
    scene.check()


async def test_batches_begin_small_after_a_resume(monkeypatch):
    monkeypatch.setattr("consumer.pipeline.applier.FIRST_BATCH", 3)
    scene = Scene([create(0), *updates(40)], batch_commands=10)
    for _ in range(3):
        await scene.apply()
    scene.go_on(scene.batches[-1].position)
    await scene.apply_all()
    assert scene.sizes == [3, 6, 10, 3, 6, 10, 3]
    scene.check()


async def test_a_batch_ends_when_its_outputs_are_large():
    scene = await Scene([create(0), *updates(19)], batch_output_bytes=10_000).apply_all()
    assert 3 < len(scene.batches) < 10
    assert max(scene.sizes) < 8
    scene.check()


async def test_a_batch_that_is_not_published_again_ends_when_it_is_large_too():
    """A replay of months must not pile them up in one transaction."""
    log = [create(0), *(update(offset, notes="x" * 9_000) for offset in range(1, 20))]
    scene = await Scene(log, publish_from=20, batch_output_bytes=50_000).apply_all()
    assert len(scene.batches) > 2


async def test_a_transaction_that_is_too_large_is_halved_until_it_fits():
    scene = Scene([create(0), *updates(39)])
    scene.store.bearable = 12
    await scene.apply()
    assert scene.store.sizes == [40, 20, 10]
    await scene.apply_all()
    assert max(scene.sizes) <= 12
    scene.check()


async def test_batches_grow_again_once_the_database_can_take_more():
    scene = Scene([create(0), *updates(99)])
    scene.store.bearable = 7
    await scene.apply()
    scene.store.bearable = 1_000
    await scene.apply_all()
    assert scene.sizes == [6, 12, 24, 48, 10]
    scene.check()


async def test_a_single_command_that_is_too_large_is_waited_for():
    scene = Scene([create(0)])
    scene.store.bearable = 0
    with pytest.raises(BatchTooLarge):
        await scene.apply()


async def test_a_database_that_may_only_be_slow_gets_less():
    scene = Scene([create(0), *updates(39)])
    scene.store.fail("commit", StoreUnavailable("slow"))
    with pytest.raises(StoreUnavailable):
        await scene.apply()
    scene.go_on(FIRST)
    await scene.apply_all()
    assert scene.sizes == [20, 20]
    scene.check()


# ---- conflicts


async def test_a_conflict_is_tried_again():
    scene = Scene([create(0), *updates(3)])
    scene.store.fail("write", *[WriteConflict("passing")] * (CONFLICT_TRIES - 1))
    await scene.apply_all()
    assert scene.sizes == [4]
    scene.check()


async def test_a_conflict_that_does_not_pass_is_given_up():
    scene = Scene([create(0)])
    scene.store.fail("commit", *[WriteConflict("lasting")] * CONFLICT_TRIES)
    with pytest.raises(WriteConflict):
        await scene.apply()


# ---- poison


@pytest.mark.parametrize("place", [0, 1, 17, 38, 39])
async def test_only_the_poisonous_command_becomes_a_dead_letter(place):
    log = [create(0), *updates(39)]
    log[place] = (
        create(0, external_reference=POISON) if place == 0 else update(place, external_reference=POISON)
    )
    scene = await Scene(log).apply_all()
    wanted = scene.check()
    refused = [one for one in wanted.history.values() if one.code == "refused_by_database"]
    assert [one.offset for one in refused] == [place]
    assert len(scene.store.sizes) < 20  # found by halving, not one by one


async def test_a_contract_id_that_another_account_has_is_named_as_such():
    """A well-formed command that the state forbids: no dead letter, and no step towards their limit."""
    first, second, *_ = ACCOUNTS
    log = [record(0, first, "adopt", ADOPTED), *(record(n, second, "adopt", ADOPTED) for n in range(1, 60))]
    for batch_commands in (1, 7, 1_000):
        scene = await Scene(log, batch_commands=batch_commands, dead_letter_count=5).apply_all()
        scene.check()
        codes = [entry.code for entry in scene.store.history.values()]
        assert codes == [None, *["contract_id_taken"] * 59]
        assert {*scene.store.contracts} == {first}


async def test_the_id_of_a_deleted_contract_stays_its_accounts():
    first, second, *_ = ACCOUNTS
    log = [record(0, first, "adopt", ADOPTED), record(1, first, "delete", {})]
    log += [record(2, second, "adopt", ADOPTED), record(3, first, "adopt", ADOPTED)]
    for batch_commands in (1, 10):
        scene = await Scene(log, batch_commands=batch_commands).apply_all()
        scene.check()
        assert {*scene.store.contracts} == {first}


@pytest.mark.parametrize("name", ["adopt", "create"])
async def test_an_id_that_another_partition_takes_meanwhile_is_rejected_too(name):
    """The question comes too early; or was not asked, because a new contract's id is never another's."""
    scene = Scene([record(0, ACCOUNTS[0], name, ADOPTED if name == "adopt" else {"contract_type": "basic"})])
    theirs = (
        "old-7" if name == "adopt" else opened_id(decoded(scene.log[0]).command, decoded(scene.log[0]).at)
    )
    document = {"contract_id": theirs, "account_id": "elsewhere"}
    asked = scene.store.current

    def strike(point):
        if point == "write" and not asked:
            asked["elsewhere"] = Stored(b"1" * 12, theirs, bson.encode(document))
            raise ContractIdTaken("there is another document with the same contract_id")

    scene.store.strike = strike
    await scene.apply()
    assert [entry.code for entry in scene.store.history.values()] == ["contract_id_taken"]
    assert {*scene.store.current} == {"elsewhere"}


async def test_each_of_several_poisonous_commands_is_found():
    log = [create(0), *updates(39)]
    for place in (3, 4, 20, 37):
        log[place] = update(place, ACCOUNTS[0], external_reference=POISON)
    wanted = (await Scene(log).apply_all()).check()
    assert wanted.refused == 4


async def test_after_poison_batches_are_as_large_as_before():
    log = [create(0), update(1, external_reference=POISON), *updates(98, 2)]
    scene = Scene(log, batch_commands=20)
    await scene.apply_all()
    assert scene.sizes[-3:] == [20, 20, 19]
    scene.check()


async def test_a_dead_letter_that_is_refused_itself_is_waited_for():
    """Nothing is left to put in its place."""
    scene = Scene([rubbish(0)])
    scene.store.fail("write", PoisonDocument("refused"))
    with pytest.raises(PoisonDocument):
        await scene.apply()


async def test_an_error_in_the_fold_is_no_poison(monkeypatch):
    """It would vanish as a dead letter; the process must fall, so that somebody looks."""
    scene = Scene([create(0)])
    monkeypatch.setattr("consumer.pipeline.batch.decide", lambda *_: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        await scene.apply()
    assert scene.store.positions[PLACE] == FIRST


# ---- the limit of dead letters


LIMITS = {"dead_letter_count": 10, "dead_letter_window": 40, "dead_letter_share": 0.5}


async def test_a_flood_of_dead_letters_stops_before_it_is_applied():
    log = [create(0), *updates(4), *(rubbish(offset) for offset in range(5, 45))]
    scene = Scene(log, batch_commands=5, **LIMITS)
    with pytest.raises(DeadLetterLimit, match="11 of the last 16 records"):
        await scene.apply_all()
    assert scene.store.positions[PLACE].next == 15
    assert scene.sizes == [5, 5, 5]


async def test_a_flood_within_a_large_batch_is_noticed_too():
    log = [create(0), *(rubbish(offset) for offset in range(1, 60)), *updates(60, 60)]
    scene = Scene(log, **LIMITS)
    with pytest.raises(DeadLetterLimit):
        await scene.apply()
    assert scene.store.positions[PLACE].next == 0


@pytest.mark.parametrize("dead", [10, 19])
async def test_some_dead_letters_are_no_flood(dead):
    """Not more than the count, or not more than the share."""
    good = 0 if dead == 10 else 20
    log = [create(0), *updates(good), *(rubbish(good + 1 + number) for number in range(dead))]
    scene = await Scene(log, **LIMITS).apply_all()
    assert scene.sizes == [len(log)]


async def test_old_dead_letters_are_forgotten():
    log = [create(0)]
    for _ in range(4):
        first = log[-1].offset + 1
        log += [rubbish(first + number) for number in range(9)] + updates(40, first + 9)
    await Scene(log, batch_commands=49, **LIMITS).apply_all()


async def test_the_limit_can_be_switched_off():
    log = [rubbish(offset) for offset in range(60)]
    scene = await Scene(log, dead_letter_limit_off=True, **LIMITS).apply_all()
    assert scene.sizes == [60]


# ---- torn, or overtaken


async def test_a_contract_ahead_of_the_position_is_a_torn_database():
    scene = await Scene([create(0), *updates(5)]).apply_all()
    scene.store.positions[PLACE] = replace(scene.store.positions[PLACE], next=3)
    scene.go_on(scene.store.positions[PLACE])
    with pytest.raises(TornDatabase, match="applied offset 5"):
        await scene.apply()


async def test_a_contract_just_one_command_ahead_is_torn_too():
    scene = await Scene([create(0)]).apply_all()
    scene.store.history.clear()
    scene.store.positions[PLACE] = FIRST
    scene.go_on(FIRST)
    with pytest.raises(TornDatabase, match="applied offset 0"):
        await scene.apply()


async def test_history_ahead_of_the_position_is_a_torn_database():
    scene = await Scene([create(0), *updates(5)]).apply_all()
    scene.store.current.clear()
    scene.store.positions[PLACE] = FIRST
    scene.go_on(FIRST)
    with pytest.raises(TornDatabase, match="the history has offset"):
        await scene.apply()


async def test_what_a_new_owner_wrote_is_not_torn_but_fences():
    scene = await Scene([create(0), *updates(5)]).apply_all()
    scene.store.owners[PLACE] = "heir"
    scene.go_on(replace(scene.store.positions[PLACE], next=3))  # as the old owner still believes
    with pytest.raises(Fenced):
        await scene.apply()


# ---- applied again, not published again


async def test_what_was_published_is_applied_again_in_silence():
    log = [create(0), *updates(9)]
    scene = Scene(log, publish_from=6)
    await scene.apply_all()
    assert [batch.position.next for batch in scene.batches] == [6, 10]
    assert scene.batches[0].outputs is None
    published = expected(log).outputs[len(expected(log[:6]).outputs) :]
    assert by_topic(read(scene.batches[1].outputs)) == by_topic(published)
    assert scene.store.contracts == expected(log).contracts


async def test_silence_ends_at_the_committed_offset_even_between_records():
    """Behind the last published record lie transaction markers; the next record lies behind them."""
    scene = Scene([create(0), update(1), update(5)], publish_from=4)
    await scene.apply_all()
    assert [(batch.position.next, batch.outputs is None) for batch in scene.batches] == [
        (4, True),
        (6, False),
    ]


async def test_silence_without_any_record_left_moves_the_position_all_the_same():
    scene = Scene([create(7)], publish_from=5)
    batch = await scene.apply()
    assert (batch.position.next, batch.outputs, batch.timestamps) == (5, None, [])
    assert (await scene.apply()).position.next == 8


# ---- what the owner remembers


async def test_a_known_contract_is_not_read_again():
    scene = Scene([create(0), *updates(5)], batch_commands=2)
    asked = []
    contracts = scene.store.strike

    def strike(point):
        asked.append(point)
        contracts(point)

    scene.store.strike = strike
    await scene.apply_all()
    assert asked.count("commit") == 3
    scene.check()


async def test_that_an_account_has_no_contract_is_remembered_too():
    log = [update(0), update(1), record(2, ACCOUNTS[0], "create", {"contract_type": "basic"}), update(3)]
    scene = await Scene(log, batch_commands=1).apply_all()
    scene.check()


async def test_a_refused_command_stays_in_the_intake_as_a_dead_letter():
    scene = Scene([create(0, external_reference=POISON)])
    scene.store.fail("commit", StoreUnavailable("the dead letter is not stored either"))
    with pytest.raises(StoreUnavailable):
        await scene.apply()
    assert isinstance(scene.applier.intake.records[0], Undecodable)

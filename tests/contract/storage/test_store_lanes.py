"""What every store promises of batches of several partitions, and of several at a time."""

import pytest

from consumer.errors import Fenced, PoisonDocument, WriteConflict
from consumer.storage.protocols import SESSIONS, Move, OutboxSlot, Position
from tests.contract.storage.owner import Owner
from tests.contract.storage.samples import ORIGIN, contract, created, entry, writes

NAMES = [f"t/{number}" for number in range(6)]
LARGE = bytes(7 << 20)
PATIENT_MS = 60_000
"""The deadline where much is written on a busy machine."""


def to(name: str, offset: int) -> Position:
    return Position(name, ORIGIN, offset)


@pytest.fixture
async def wide(backend) -> Owner:
    """An owner of several partitions, at their start."""
    return await Owner(backend.store()).claim(*(to(name, 0) for name in NAMES))


async def nexts(owner: Owner) -> list[int]:
    found = await owner.store.positions(NAMES)
    return [found[name].next for name in NAMES]


# ---- several partitions in one transaction


async def test_all_partitions_of_a_batch_move_together(backend, wide):
    slots = {name: OutboxSlot(0, 1, 0, number + 1, name.encode()) for number, name in enumerate(NAMES)}
    moves = [wide.move(to(name, slot.next), slot) for name, slot in slots.items()]
    contracts = [created(contract(name)) for name in NAMES]
    await wide.commit_all(writes(*contracts, history=[entry()]), moves)
    assert await nexts(wide) == [1, 2, 3, 4, 5, 6]
    assert await wide.store.outbox(NAMES) == {name: [slot] for name, slot in slots.items()}
    assert len(backend.contracts()) == len(NAMES)


async def test_a_batch_leaves_other_partitions_alone(wide):
    await wide.commit_all(writes(), [wide.move(to("t/1", 3)), wide.move(to("t/4", 7))])
    assert await nexts(wide) == [0, 3, 0, 0, 7, 0]


@pytest.mark.parametrize("lost", [0, 3, 5])
async def test_one_partition_that_is_fenced_stops_the_whole_batch(backend, wide, lost):
    await Owner(backend.store(), "rival").claim(to(NAMES[lost], 0))
    with pytest.raises(Fenced):
        await wide.commit_all(
            writes(created(contract()), history=[entry()]),
            [wide.move(to(name, 1), OutboxSlot(0, 1, 0, 1, b"x")) for name in NAMES],
        )
    assert await nexts(wide) == [0] * len(NAMES)
    assert backend.contracts() == []
    assert backend.history() == []
    assert not any((await wide.store.outbox(NAMES)).values())
    left = [name for name in NAMES if name != NAMES[lost]]
    await wide.commit_all(writes(created(contract())), [wide.move(to(name, 1)) for name in left])
    with pytest.raises(Fenced):
        await wide.store.owned(NAMES, wide.name)
    assert (await wide.store.owned(left, wide.name)).keys() == {*left}


async def test_one_partition_that_stands_elsewhere_stops_the_whole_batch(backend, wide):
    moves = [Move(int(name == "t/2"), to(name, 5), None) for name in NAMES]
    with pytest.raises(Fenced):
        await wide.commit_all(writes(created(contract())), moves)
    assert await nexts(wide) == [0] * len(NAMES)
    assert backend.contracts() == []


async def test_outboxes_without_slots_are_empty(wide):
    assert await wide.store.outbox([]) == {}
    assert not any((await wide.store.outbox([*NAMES, "t/99"])).values())


async def test_outputs_larger_than_a_message_fit_into_one_batch(mongo_backend):
    """The server hangs up on who sends more than 48 MB at once."""
    mongo_backend.timeout_ms = PATIENT_MS
    names = [f"t/{number}" for number in range(8)]
    owner = await Owner(mongo_backend.store()).claim(*(to(name, 0) for name in names))
    slot = OutboxSlot(0, 1, 0, 1, LARGE)
    await owner.commit_all(writes(), [owner.move(to(name, 1), slot) for name in names])
    assert await owner.store.owned(names, owner.name) == owner.positions
    assert await owner.outbox("t/7") == [slot]


async def test_both_slots_of_a_partition_may_be_large(mongo_backend):
    mongo_backend.timeout_ms = PATIENT_MS
    owner = await Owner(mongo_backend.store()).claim()
    slots = [OutboxSlot(number, 1, number, number + 1, LARGE) for number in range(2)]
    for slot in slots:
        await owner.commit(outbox=slot)
    assert await owner.outbox() == slots


# ---- several transactions at a time


async def test_lanes_stand_side_by_side(backend, wide):
    open_ones = [wide.transaction(lane) for lane in range(SESSIONS)]
    for lane, transaction in enumerate(open_ones):
        batch = await transaction.__aenter__()
        await batch.write(writes(created(contract(NAMES[lane]))), [wide.move(to(NAMES[lane], 1))])
    assert await nexts(wide) == [0] * len(NAMES)
    for lane in reversed(range(SESSIONS)):
        await open_ones[lane].__aexit__(None, None, None)
        assert len(backend.contracts()) == SESSIONS - lane
    assert await nexts(wide) == [1, 1, 1, 1, 0, 0]


async def test_a_failure_in_one_lane_leaves_the_others_alone(backend, wide):
    async with wide.transaction(0) as transaction:
        await transaction.write(writes(created(contract("good"))), [wide.move(to("t/0", 1))])
        with pytest.raises(PoisonDocument):
            await wide.commit_all(
                writes(created(contract("bad", notes="\ud800"))), [wide.move(to("t/1", 1))], lane=1
            )
        await wide.commit_all(writes(created(contract("next"))), [wide.move(to("t/1", 1))], lane=1)
    assert sorted(each["account_id"] for each in backend.contracts()) == ["good", "next"]
    assert await nexts(wide) == [1, 1, 0, 0, 0, 0]


async def test_two_lanes_on_one_partition_never_both_move_it(backend, wide):
    first = wide.transaction(0)
    batch = await first.__aenter__()
    await batch.write(writes(created(contract())), [wide.move(to("t/0", 1))])

    async def second():
        async with wide.transaction(1) as transaction:
            await transaction.write(writes(created(contract("other"))), [wide.move(to("t/0", 1))])

    with pytest.raises(WriteConflict):
        await second()
    await first.__aexit__(None, None, None)
    with pytest.raises(Fenced):
        await second()
    assert backend.contracts() == [contract()]


async def test_two_lanes_never_both_take_a_contract_id(backend, wide):
    """Which of the two is refused is found out when it is tried again."""
    async with wide.transaction(0) as transaction:
        await transaction.write(writes(created(contract("a", contract_id="same"))), [wide.move(to("t/0", 1))])
        with pytest.raises(WriteConflict):
            async with wide.transaction(1) as other:
                await other.write(
                    writes(created(contract("b", contract_id="same"))), [wide.move(to("t/1", 1))]
                )
    assert [each["account_id"] for each in backend.contracts()] == ["a"]


async def test_a_transaction_sees_the_moment_it_began(wide):
    async with wide.transaction(0) as transaction:
        assert await transaction.contracts(["acme"]) == {}
        await wide.commit_all(
            writes(created(contract()), history=[entry()]), [wide.move(to("t/1", 1))], lane=1
        )
        assert await transaction.contracts(["acme"]) == {}
        assert await transaction.seen([entry().identity]) == {}
    assert await wide.contracts("acme") == {"acme": contract()}

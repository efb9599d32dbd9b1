"""How often the server is asked: each question costs more than a command's own work."""

from collections import Counter

import pytest

from consumer.storage.mongo import MongoStore, connect
from consumer.storage.mongo_driver import close
from consumer.storage.mongo_outboxes import OUTBOXES_AT_ONCE
from consumer.storage.mongo_owners import Owners
from consumer.storage.protocols import OutboxSlot, Position
from tests.contract.storage.owner import Owner
from tests.contract.storage.samples import ORIGIN, changed, contract, created, entry, named, writes

NAMES = [f"t/{number}" for number in range(48)]
QUIET = {"hello", "ismaster", "endSessions"}


@pytest.fixture
def asked():
    return Counter()


@pytest.fixture
async def counted(mongo_backend, asked):
    """A store whose commands are counted."""

    def report(name, _result, _seconds):
        if name not in QUIET:
            asked[name] += 1

    client = connect(
        mongo_backend.uri, timeout_ms=5_000, max_pool_size=5, driver=mongo_backend.driver, report=report
    )
    yield MongoStore(client, mongo_backend.name)
    await close(client)


@pytest.fixture
async def former(mongo_backend) -> Owner:
    """The owner of many partitions until now."""
    return await Owner(mongo_backend.store(), "former").claim(*(Position(n, ORIGIN, 0) for n in NAMES))


async def test_a_claim_of_many_partitions_takes_four_questions(former, counted, asked):
    found = await counted.claim(NAMES, "me")
    assert found == former.positions
    assert asked == {"find": 2, "killSessions": 1, "update": 1}


async def test_other_questions_of_many_partitions_are_one(former, counted, asked):
    await counted.claim(NAMES, "me")
    asked.clear()
    await counted.positions(NAMES)
    await counted.owned(NAMES, "me")
    assert asked == {"find": 2}
    assert former.positions


async def test_outboxes_are_read_a_few_at_a_time(former, counted, asked):
    slot = OutboxSlot(0, 1, 0, 1, b"frames")
    last = NAMES[-1]
    await former.commit_all(writes(), [former.move(Position(last, ORIGIN, 1), outbox=slot)])
    assert await counted.outbox(NAMES) == {name: [slot] if name == last else [] for name in NAMES}
    assert asked == {"find": len(NAMES) // OUTBOXES_AT_ONCE}


@pytest.mark.parametrize("partitions", [1, 48])
@pytest.mark.usefixtures("former")
async def test_a_batch_takes_as_many_whatever_its_size(counted, asked, partitions):
    names = NAMES[:partitions]
    me = await Owner(counted).claim(*(Position(name, ORIGIN, 0) for name in names))
    accounts = {(kind, n): contract(f"{kind} {n}") for kind in ("kept", "replaced", "gone") for n in names}
    await me.commit_all(
        writes(*map(created, accounts.values())), [me.move(Position(n, ORIGIN, 1)) for n in names]
    )
    asked.clear()
    batch = []
    for (kind, name), before in accounts.items():
        new = contract(before["account_id"], _id=named(f"new {name}"), contract_id=f"new {name}")
        after = {"kept": before | {"version": 2}, "replaced": new, "gone": None}[kind]
        batch += [changed(before, after), created(contract(f"{kind} {name} too"))]
    async with me.transaction() as transaction:
        await transaction.contracts(["acme"])
        await transaction.seen([named("one", 16)])
        await transaction.write(
            writes(*batch, former=[contract("old")], history=[entry(name) for name in names]),
            [me.move(Position(name, ORIGIN, 2), OutboxSlot(0, 1, 1, 2, b"x")) for name in names],
        )
    assert asked == {"find": 2, "update": 2, "delete": 1, "insert": 3, "commitTransaction": 1}


async def test_a_claim_asks_again_only_for_what_changed_meanwhile(former, counted, asked, monkeypatch):
    """Another worker takes some of them between our look at them and our update."""
    rival = Owner(former.store, "rival")
    find = Owners.find
    seen = []

    async def overtaken(self, partitions):
        found = await find(self, partitions)
        if self is counted._owners:
            seen.append(len(found))
            if len(seen) == 1:
                await rival.claim(*(Position(name, ORIGIN, 0) for name in NAMES[:3]))
        return found

    monkeypatch.setattr(Owners, "find", overtaken)
    assert (await counted.claim(NAMES, "me")).keys() == {*NAMES}
    assert seen == [48, 48, 3, 48]
    assert asked == {"find": 4, "killSessions": 2, "update": 2}

"""Producers with librdkafka's own partitioner beside ones with murmur2: each at its home, once, in order."""

from itertools import islice

import pytest

from devstack.proof.load import Load
from devstack.proof.message import Message
from tests.system.faults.scene import Scene

pytestmark = pytest.mark.fault


def update(account: str, number: int) -> Message:
    headers: list[tuple[str, bytes | None]] = [
        ("ce_specversion", b"1.0"),
        ("ce_id", f"note-{number}".encode()),
        ("ce_source", b"/crm"),
        ("ce_type", b"com.easytrade.contract.update.v1"),
        ("content-type", b"application/json"),
    ]
    return Message(account.encode(), b'{"changes": {"notes": "%d"}}' % number, headers, via="crc32")


def marked(message: Message) -> Message:
    """With a header that says which producer sent it."""
    return message._replace(headers=[*message.headers, ("via", message.via.encode())])


@pytest.mark.parametrize("publication", [3, 4])
def test_two_partitioners_side_by_side(scene: Scene, publication: int) -> None:
    """Killed in between, too: a forward is part of the transaction that passes its offset.

    Of two publications in a row: were forwards in transactions of their own, one of them would be such.
    """
    load = (marked(message) for message in Load(5, accounts=300, misplaced=0.5).messages(2_000))
    while some := [*islice(load, 50)]:  # else one producer's records may all lie before the other's
        scene.sender.send(some)
        scene.sender.flush()
    stop = f"publishing:{publication}:KILL"
    scene.start(FAULTS_STOP_AT=stop, CONTRACTS_MAX_BATCH_COMMANDS="20").wait_ended()
    scene.start()
    scene.done()
    model = scene.checker.model
    assert len(model.misplaced) > 300
    # What came from the producers with the right partitioner stayed where it was.
    assert {record.header("via") for record, _ in model.misplaced.values()} == {"crc32"}


def test_one_producer_s_order_survives_forwarding(scene: Scene) -> None:
    """All of an account's commands come misplaced: its last note is the one that was sent last."""
    accounts = [f"account-{number}" for number in range(20)]
    scene.sender.send(
        Message(
            account.encode(),
            b'{"contract_type": "basic"}',
            [
                (name, value.replace(b"update", b"create"))
                for name, value in update(account, 0).headers
                if value
            ],
            via="crc32",
        )
        for account in accounts
    )
    scene.sender.send(update(account, number) for number in range(1, 40) for account in accounts)
    scene.sender.flush()
    scene.start()
    scene.done()
    contracts = scene.checker.model.stored.contracts
    assert {contracts[account]["notes"] for account in accounts} == {"39"}
    assert {contracts[account]["version"] for account in accounts} == {40}
    assert scene.checker.model.misplaced

"""A batch that a fault interrupts, the deadline that holds even then, and how the batch comes to its end."""

from consumer.storage.protocols import OutboxSlot
from tests.contract.storage.samples import at, changed, contract, created, entry, writes

TIMEOUT_MS = 600
LATE_SECONDS = 1.2
"""The deadline once, and not twice."""

BATCH = writes(created(contract()), history=[entry()])
OUTBOX = OutboxSlot(0, 1, 0, 1, b"outputs")


async def finish(near, owner):
    """Whether or not the batch was committed: it can be brought to an end exactly once."""
    if owner.position.next == 0:
        assert near.contracts() == []
        await owner.commit(BATCH, at(1), outbox=OUTBOX)
    assert near.contracts() == [contract()]
    assert len(near.history()) == 1
    assert await owner.outbox() == [OUTBOX]
    await owner.commit(writes(changed(contract(), contract(version=2))))
    assert near.contracts() == [contract(version=2)]

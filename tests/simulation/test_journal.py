"""The real journal over simulated logs."""

import pytest

from consumer.kafka.journal_entries import Claim, Progress, journal_batch
from tests.simulation.broker import JOURNAL
from tests.simulation.clients import SimulatedPublisher
from tests.simulation.group import SimulatedJournal
from tests.simulation.world import in_virtual_time


async def written(caller, name, *entries):
    """Each in a transaction of its own; the offset of the last."""
    publisher = SimulatedPublisher(caller, name)
    await publisher.start()
    for entry in entries:
        (offset,) = await publisher.publish([journal_batch(JOURNAL, 0, entry, 0)])
    return offset


@pytest.mark.parametrize("claims", [1, 7, 8, 100])
def test_the_last_progress_is_found_before_any_number_of_claims(claims):
    async def reads(caller):
        await written(caller, "old", Progress(7, 1, "old"))
        for number in range(claims):
            await written(caller, f"w{number}", Claim(f"w{number}"))
        mine = await written(caller, "me", Claim("me"))
        return await SimulatedJournal(caller).read_back({0: mine}, "me")

    tail = in_virtual_time(reads)[0]
    assert tail.progress == Progress(7, 1, "old")
    assert tail.rivals.keys() == {"old", *(f"w{number}" for number in range(claims))}
    assert tail.is_last

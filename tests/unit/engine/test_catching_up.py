"""How a takeover publishes what is stored: in as few transactions as Kafka answers in time."""

import asyncio
from itertools import pairwise

import pytest

from consumer.engine.catching_up import CatchingUp
from consumer.engine.workers import STUCK_SECONDS
from consumer.errors import PublishInDoubt
from consumer.kafka.journal_entries import Forgotten, Progress
from consumer.kafka.patience import LONGEST_SECONDS
from tests.simulation.test_too_slow import in_virtual_time
from tests.unit.engine.parts import FOUR, JOURNAL, catching_up, kafka, part

__all__ = ["catching_up", "kafka"]


async def test_all_is_one_transaction_with_the_last_progress_of_each_partition(kafka, catching_up):
    await catching_up.publish([part(3, 2, forgotten={"old"}), *FOUR])
    assert kafka.outputs() == [(0, "a"), (0, "b"), (1, "c"), (2, "d")]
    assert kafka.entries() == [
        [
            (3, Forgotten("old")),
            (3, Progress(2, 1, "me")),
            (0, Progress(9, 1, "me")),
            (1, Progress(7, 1, "me")),
            (2, Progress(4, 1, "me")),
        ]
    ]


async def test_after_each_doubt_a_transaction_has_half_as_many_batches(kafka, catching_up):
    kafka.bearable = 1
    for _ in range(2):
        with pytest.raises(PublishInDoubt):
            await catching_up.publish(FOUR)
    await catching_up.publish(FOUR)
    assert kafka.sizes == [4, 2, 1, 1, 1, 1]
    assert kafka.outputs() == [(0, "a"), (0, "b"), (1, "c"), (2, "d")]
    assert kafka.entries() == [
        [(0, Progress(5, 1, "me"))],
        [(0, Progress(9, 1, "me"))],
        [(1, Progress(7, 1, "me"))],
        [(2, Progress(4, 1, "me"))],
    ]


async def test_what_only_writes_progress_is_never_divided(kafka, catching_up):
    kafka.bearable = 1
    progress = [part(number, 2) for number in range(10, 20)]
    for _ in range(2):
        with pytest.raises(PublishInDoubt):
            await catching_up.publish([*FOUR, *progress])
    await catching_up.publish([*FOUR, *progress])
    assert [len(entries) for entries in kafka.entries()] == [11, 1, 1, 1]


async def test_progress_alone_is_one_transaction(kafka, catching_up):
    await catching_up.publish([part(0, 2), part(1, 3)])
    assert kafka.entries() == [[(0, Progress(2, 1, "me")), (1, Progress(3, 1, "me"))]]


async def test_each_transaction_is_a_beat(kafka):
    beats = []
    catching_up = CatchingUp(kafka, JOURNAL, lambda: beats.append(len(kafka.published)))
    kafka.bearable = 2
    with pytest.raises(PublishInDoubt):
        await catching_up.publish(FOUR)
    await catching_up.publish(FOUR)
    assert beats == [1, 2]


async def test_a_success_makes_the_next_one_whole_again(kafka, catching_up):
    kafka.bearable = 2
    with pytest.raises(PublishInDoubt):
        await catching_up.publish(FOUR)
    await catching_up.publish(FOUR)
    kafka.bearable = 4
    await catching_up.publish(FOUR)
    assert kafka.sizes == [4, 2, 2, 4]


@pytest.mark.parametrize(
    ("cause", "patience"), [(TimeoutError(), [2, 4]), (OSError("the connection has ended"), [1, 1])]
)
async def test_a_single_batch_without_an_answer_is_tried_again_for_longer(
    kafka, catching_up, cause, patience
):
    kafka.bearable, kafka.cause = 0, cause
    seen = []
    for _ in range(2):
        with pytest.raises(PublishInDoubt):
            await catching_up.publish(FOUR[:1])
        seen.append(kafka.patience.seconds)
    assert (kafka.sizes, seen) == ([1, 1], patience)
    kafka.bearable = 1
    await catching_up.publish(FOUR[:1])
    assert kafka.patience.seconds == 1


async def test_what_can_be_divided_is_not_tried_for_longer(kafka, catching_up):
    kafka.bearable = 0
    for _ in range(2):
        with pytest.raises(PublishInDoubt):
            await catching_up.publish(FOUR)
    assert (kafka.sizes, kafka.patience.seconds) == ([4, 2], 1)


def test_a_transaction_that_takes_long_is_not_stuck(kafka):
    async def pauses():
        loop = asyncio.get_running_loop()
        beats = [loop.time()]
        await CatchingUp(kafka, JOURNAL, lambda: beats.append(loop.time())).publish(FOUR)
        await asyncio.sleep(LONGEST_SECONDS)
        assert beats[-1] == beats[0] + LONGEST_SECONDS
        return [later - earlier for earlier, later in pairwise(beats)]

    kafka.seconds = LONGEST_SECONDS
    assert max(in_virtual_time(pauses())) < STUCK_SECONDS


async def test_nothing_to_publish_is_no_transaction(kafka, catching_up):
    await catching_up.publish([])
    assert kafka.sizes == []

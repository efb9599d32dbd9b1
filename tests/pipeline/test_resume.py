"""What an owner does before its first batch: each way in which position, offset and log fit together."""

import pytest

from consumer.errors import Fenced
from consumer.pipeline import published
from consumer.storage.protocols import Position
from tests.pipeline.logs import unreadable
from tests.pipeline.oracle import by_topic, expected
from tests.pipeline.resuming import END, LOG, worked_on
from tests.pipeline.world import ORIGIN, PLACE


def outputs_from(offset):
    return by_topic(expected(LOG).outputs[len(expected(LOG[:offset]).outputs) :])


def after(stale):
    """A coordinator that tells these first, while it still reads its log."""
    left = list(stale)
    return lambda committed: left.pop(0) if left else committed


# ---- the three cases, and the first start


async def test_c_equals_p_goes_on(scene):
    before = list(scene.kafka.published)
    assert await scene.resume() == (scene.world.position, END)
    assert scene.kafka.published == before
    assert (await scene.reader.fetch(max_records=9, timeout_ms=0)).next == END


async def test_c_before_p_publishes_the_last_batch(scene):
    scene.forget_published(4)
    assert await scene.resume() == (scene.world.position, END)
    assert by_topic(scene.news()) == outputs_from(4)
    assert scene.kafka.committed == END


async def test_c_two_batches_before_p_publishes_both_in_order(scene):
    scene.forget_published(2)
    assert await scene.resume() == (scene.world.position, END)
    assert by_topic(scene.news()) == outputs_from(2)
    assert scene.kafka.transactions[-2:] == [(2, 4), (4, 6)]


@pytest.mark.parametrize(
    "stale", [[None, 0, 1], [2], [0, 2, 3], [4, 5], [0, 0], [None, None, 1, 1, 3, 3], [1, 1, 1, 1, 2]]
)
async def test_offsets_from_before_are_not_believed(scene, stale, monkeypatch):
    """A coordinator that has just come up may tell them while it reads its log, some more than once."""
    monkeypatch.setattr(published, "LOADING_SECONDS", 60.0)
    scene.forget_published(4)
    scene.kafka.tells = after(stale)
    assert await scene.resume() == (scene.world.position, END)
    assert by_topic(scene.news()) == outputs_from(4)


@pytest.mark.parametrize("told", [2, 4, END])
@pytest.mark.parametrize("published", [2, 4, END])
async def test_the_results_in_the_log_say_what_is_published_whatever_is_told(scene, told, published):
    """A coordinator may take an aborted transaction for committed, and forget one that was committed."""
    scene.forget_published(published)
    scene.kafka.committed = told
    assert await scene.resume() == (scene.world.position, END)
    assert by_topic(scene.news()) == outputs_from(published)
    assert scene.kafka.committed == END


@pytest.mark.parametrize("stale", [[None], [None, None, None, 2, 2]])
async def test_a_rebuild_is_not_a_first_start_because_no_offset_is_told_once(scene, stale, monkeypatch):
    monkeypatch.setattr(published, "LOADING_SECONDS", 60.0)
    scene.set_position(next=0, last=None)
    scene.kafka.tells = after(stale)
    assert (await scene.resume()).publish_from == END
    assert scene.kafka.committed == END


async def test_an_operator_may_set_the_offset_back(scene):
    scene.set_position(next=2, last=None)
    scene.kafka.committed = 2
    assert (await scene.resume()).publish_from == 2


async def test_c_beyond_p_goes_back_and_publishes_nothing(scene):
    scene.set_position(next=2, last=None)
    before = list(scene.kafka.published)
    resumed = await scene.resume()
    assert resumed == (scene.world.position, END)
    assert resumed.position.next == 2
    assert scene.kafka.published == before
    assert scene.kafka.committed == END
    assert (await scene.reader.fetch(max_records=1, timeout_ms=0)).records == [LOG[2]]


async def test_first_start_commits_the_start_of_the_log_at_once(fresh):
    fresh.kafka.start = 3
    assert await fresh.resume() == (Position(PLACE, ORIGIN, next=3), 3)
    assert fresh.kafka.committed == 3
    assert fresh.store.owners[PLACE] == "heir"


async def test_first_start_cut_off_before_the_commit_is_a_first_start_again(fresh):
    fresh.store.positions[PLACE] = Position(PLACE, ORIGIN, next=0)
    assert await fresh.resume() == (Position(PLACE, ORIGIN, next=0), 0)
    assert fresh.kafka.committed == 0


# ---- the order of things


async def test_the_offset_is_read_only_once_no_earlier_producer_can_move_it(scene):
    """An open transaction of the previous owner is settled, one way or the other, by the start."""
    scene.forget_published(4)
    outputs = expected(LOG).outputs[len(expected(LOG[:4]).outputs) :]
    scene.kafka.leave_open(outputs, END)
    scene.worker.number = lambda _, high: high  # committed
    assert (await scene.resume()).publish_from == END
    assert scene.news() == outputs


async def test_nothing_is_published_before_the_position_is_claimed(scene):
    scene.forget_published(4)
    scene.store.fail("claim", Fenced("not yet"))
    with pytest.raises(Fenced):
        await scene.resume()
    assert scene.news() == []


async def test_while_the_store_is_away_no_producer_is_started(scene):
    scene.store.fail("position", Fenced("away"))
    with pytest.raises(Fenced):
        await scene.resume()
    assert "start" not in scene.worker.passed


async def test_an_unreadable_last_record_is_known_again():
    scene = await worked_on([*LOG, unreadable(6)])
    assert (await scene.resume()).position.next == 7

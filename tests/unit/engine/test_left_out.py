"""A takeover leaves out the partitions of which Kafka does not take an output, and publishes the others."""

import pytest

from consumer.errors import BrokerDenied, PublishRefused
from consumer.kafka.journal_entries import Progress, entry_of
from consumer.kafka.recordbatches import outputs_in
from tests.unit.engine.parts import FOUR, JOURNAL, catching_up, kafka, part

__all__ = ["catching_up", "kafka"]


async def refused(catching_up, parts, refusal=PublishRefused):
    with pytest.raises(refusal) as caught:
        await catching_up.publish(parts)
    return caught.value


@pytest.mark.parametrize("refusal", [BrokerDenied, PublishRefused])
async def test_a_partition_with_a_refused_output_is_left_out(kafka, catching_up, refusal):
    """Which one it is, the refusal says; the next takeover leaves it out."""
    kafka.refused, kafka.refusal = {("outputs", 0)}, refusal
    error = await refused(catching_up, FOUR, refusal)
    assert await catching_up.publish(FOUR) == {0: error}
    assert kafka.outputs() == [(1, "c"), (2, "d")]
    assert kafka.entries() == [[(1, Progress(7, 1, "me")), (2, Progress(4, 1, "me"))]]


async def test_all_that_are_refused_are_left_out_together(kafka, catching_up):
    kafka.refused = {("outputs", 0), ("outputs", 1), ("outputs", 2)}
    error = await refused(catching_up, FOUR)
    assert await catching_up.publish(FOUR) == dict.fromkeys(range(3), error)
    assert kafka.published == []


async def test_what_was_refused_is_tried_again_after_the_others(kafka, catching_up):
    kafka.refused = {("outputs", 0)}
    await refused(catching_up, FOUR)
    await catching_up.publish(FOUR)
    kafka.published.clear()
    await refused(catching_up, FOUR)
    assert kafka.outputs() == [(1, "c"), (2, "d")]
    assert list(await catching_up.publish(FOUR[:2])) == [0]
    kafka.refused = set()
    assert await catching_up.publish(FOUR[:2]) == {}
    assert kafka.outputs() == [(1, "c"), (2, "d"), (0, "a"), (0, "b")]


async def test_of_several_that_share_a_refused_output_each_is_tried_alone(kafka, catching_up, monkeypatch):
    """One record of one of them is too large for a partition into which all write."""
    shared = [part(0, 5, "large", output=7), part(1, 7, "small", output=7), part(2, 4, "other")]
    publish = kafka.publish

    async def refusing(batches, *, patient):
        outputs = [one for one in outputs_in(batches) if one.topic != JOURNAL]
        large = any(entry_of(one.key, one.value).by == "large" for one in outputs)
        kafka.refused = {("outputs", 7)} if large else set()
        return await publish(batches, patient=patient)

    monkeypatch.setattr(kafka, "publish", refusing)
    await refused(catching_up, shared)  # all together
    error = await refused(catching_up, shared)  # the first alone, after the others
    assert await catching_up.publish(shared[:2]) == {0: error, 1: error}
    error = await refused(catching_up, shared[:2])  # the other first
    assert await catching_up.publish(shared[:1]) == {0: error}
    assert kafka.outputs() == [(2, "other"), (7, "small")]


async def test_a_try_of_many_that_are_refused_costs_one_takeover(kafka, catching_up):
    many = [part(number, 5, "large", output=7) for number in range(20)]
    kafka.refused = {("outputs", 7)}
    await refused(catching_up, many)
    for _ in range(3):
        await refused(catching_up, many)
        assert len(await catching_up.publish(many)) == 20


async def test_what_is_known_of_partitions_that_are_not_claimed_is_kept(kafka, catching_up):
    """They are left out for another reason, as one without a leader of the journal."""
    kafka.leaderless_now, kafka.refused = {("outputs", 0)}, {("outputs", 1)}
    await refused(catching_up, FOUR)
    assert list(await catching_up.publish(FOUR)) == [1, 0]
    assert await catching_up.publish([part(2, 5)]) == {}
    assert list(await catching_up.out_of_reach([0, 2])) == [0]
    kafka.leaderless_now = set()
    kafka.published.clear()
    await refused(catching_up, FOUR)
    assert kafka.outputs() == [(0, "a"), (0, "b"), (2, "d")], "what was refused comes last"


async def test_only_partitions_of_these_parts_are_left_out(kafka, catching_up):
    kafka.refused = {("outputs", 0)}
    await refused(catching_up, FOUR)
    assert await catching_up.publish(FOUR[2:]) == {}


async def test_what_is_refused_without_a_partition_is_refused_for_all(kafka, catching_up, monkeypatch):
    async def refusing(batches, *, patient):
        raise PublishRefused("the broker's log says why")

    monkeypatch.setattr(kafka, "publish", refusing)
    for _ in range(3):
        await refused(catching_up, FOUR)


async def test_a_partition_with_an_output_without_a_leader_is_left_out(kafka, catching_up):
    """Not those of which nothing is to be published: perhaps they do not write there."""
    kafka.leaderless_now = {("outputs", 0), ("outputs", 3)}
    left_out = await catching_up.publish([*FOUR, part(3, 2)])
    assert {number: str(error) for number, error in left_out.items()} == {0: "outputs/0 has no leader"}
    assert kafka.outputs() == [(1, "c"), (2, "d")]
    assert list(await catching_up.out_of_reach([0, 1, 2, 3])) == [0]
    assert await catching_up.out_of_reach([1]) == {}
    kafka.leaderless_now = set()
    assert await catching_up.out_of_reach([0, 1, 2, 3]) == {}
    assert await catching_up.publish(FOUR[:2]) == {}

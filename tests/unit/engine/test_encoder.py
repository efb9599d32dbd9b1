"""Where outputs go: events to their account's partition, dead letters to that of the record."""

import pytest

from consumer.engine.decoder import Decoder
from consumer.engine.encoder import SAME_AS_INPUT, Encoder
from consumer.engine.fold import Fold
from consumer.kafka.recordbatches import BatchWriter
from schemas.partitioning import HOMES
from schemas.topics import CHANGED, COMMAND_RESULTS, DEAD_LETTERS, EVENT_TOPICS, STATE, output_partition
from tests.unit.engine.logs import create, rubbish
from tests.unit.engine.oracle import POLICY, decoded, read

PREFIX = "eu."


def places(encoder):
    """Topics and partitions of what a command and a dead letter give rise to."""
    return {(output.topic.removeprefix(PREFIX), output.partition) for output in outputs(encoder)}


def outputs(encoder):
    fold = Fold(
        contracts={"acme": None}, seen={}, tallies={}, policy=POLICY, encoder=encoder,
        writer=BatchWriter("none"), generation=1,
    )  # fmt: skip
    for record in (create(0, "acme"), rubbish(1)):
        fold.add(decoded(record, Decoder(1)))
    return read(fold.outputs.finish() or ())


@pytest.mark.parametrize(
    ("counts", "partition"),
    [(SAME_AS_INPUT, 5), (dict.fromkeys((f"{PREFIX}{name}" for name in EVENT_TOPICS), 2), 1)],
)
def test_events_follow_the_counts_and_dead_letters_stay(counts, partition):
    encoder = Encoder(5, topic_prefix=PREFIX, counts=counts)
    events = {(topic, partition) for topic in (CHANGED, STATE, COMMAND_RESULTS)}
    assert places(encoder) == {*events, (DEAD_LETTERS, 5)}


def test_states_can_be_left_out_and_nothing_else_differs():
    told, untold = outputs(Encoder(5)), outputs(Encoder(5, state=False))
    assert [output.topic for output in told].count(STATE) == 1
    assert untold == [output for output in told if output.topic != STATE]


@pytest.mark.parametrize("partitioner", HOMES)
@pytest.mark.parametrize(("commands", "outputs"), [(12, 1), (12, 3), (12, 12), (48, 6)])
def test_an_accounts_events_lie_in_its_home_also_when_command_partitions_are_added(
    partitioner, commands, outputs
):
    """So whoever looks for an account need know nothing of the command topic."""
    home_of = HOMES[partitioner]
    for number in range(500):
        account = b"account-%d" % number
        for count in (commands, 2 * commands):
            assert output_partition(home_of(account, count), outputs) == home_of(account, outputs)

"""Traces change no byte, and a replay has no spans."""

from dataclasses import replace

import pytest

from consumer.telemetry.traces import NO_TRACES
from tests.simulation.calls import Caller
from tests.simulation.group import make_worker
from tests.unit.engine.logs import COMMANDS as EVERY
from tests.unit.engine.logs import STRANGER, TOPIC, create, record, rubbish, update
from tests.unit.engine.oracle import read
from tests.unit.engine.scene import PLACE, Scene
from tests.unit.telemetry.spans import SAMPLED, UNSAMPLED, TracesInMemory, traced

PARENTS = (SAMPLED, UNSAMPLED, "00-plain")
NAMES = [name for name in EVERY if "poison" not in name]


def every_command():
    """With and without the trace of a sender."""
    records = [rubbish(0), create(1)]
    for offset, name in enumerate(NAMES * 2, start=2):
        command = record(offset, f"account-{offset % 3}", *EVERY[name])
        records.append(traced(command, PARENTS[offset % 3]) if offset % 2 else command)
    return records


async def worked(traces, log):
    scene = Scene()
    scene.send(log)
    await scene.work(traces=traces)
    return scene


def made(scene):
    """All that is stored and published, but the journal, which names workers and their claims."""
    store = scene.store
    return (
        {account: stored.document for account, stored in store.current.items()},
        store.former_documents,
        dict(store.history),
        replace(store.positions_by_name[PLACE], partition=PLACE),
        published(scene),
    )


def published(scene):
    logs = scene.world.broker.logs.values()
    outputs = [
        log for log in logs if log.topic.startswith("contracts.") and log.topic != "contracts.positions"
    ]
    return {
        (log.topic, log.partition): [
            (each.key, each.value, tuple(each.headers), each.timestamp) for each in read(log.visible())
        ]
        for log in outputs
        if log.topic != "contracts.commands"
    }


@pytest.fixture(scope="module")
def log():
    return every_command()


async def test_what_is_stored_and_published_is_the_same_with_traces_and_without(log):
    spans = TracesInMemory(1)
    with_traces, without = await worked(spans, log), await worked(NO_TRACES, log)
    assert len(spans.processed) > 30
    assert made(with_traces) == made(without)
    assert sum(map(len, published(without).values())) > 80


async def test_a_replay_has_no_spans_and_makes_the_same(log):
    scene = await worked(TracesInMemory(1), log)
    before = made(scene)
    scene.store.current.clear()
    scene.store.former_documents.clear()
    scene.store.history.clear()
    position = scene.position
    scene.set_position(next=0, last=None, tallies={}, chain=None)
    spans = TracesInMemory(1)
    await scene.work("heir", spans)
    assert spans.all == []
    assert scene.position.next == position.next
    assert made(scene) == before


async def test_what_comes_after_a_replay_has_spans():
    scene = await worked(TracesInMemory(1), [create(0), update(1)])
    scene.set_position(next=0, last=None, tallies={}, chain=None)
    scene.store.current.clear()
    scene.store.history.clear()
    scene.send([update(2)])
    spans = TracesInMemory(1)
    await scene.work("heir", spans)
    assert [span.attributes["messaging.kafka.offset"] for span in spans.processed] == [2]


async def test_of_a_batch_with_a_replay_in_it_only_the_rest_has_spans():
    scene = await worked(TracesInMemory(1), [create(0), update(1)])
    scene.set_position(next=0, last=None, tallies={}, chain=None)
    scene.store.current.clear()
    scene.store.history.clear()
    scene.send([create(offset, STRANGER)._replace(partition=1) for offset in (0, 1, 2)])
    spans = TracesInMemory(1)
    worker = make_worker(Caller(scene.world, "heir"), [0, 1], "heir", spans)
    await worker._reading.start()
    await worker._take_over("assigned")
    both = worker.partitions
    while not all(each.intake.waiting for each in both.values()):
        await worker._reading.fetch({n: each.intake.next for n, each in both.items()}, 0)
    while any(each.position.next < scene.world.broker.log(TOPIC, n).stable for n, each in both.items()):
        ready = [each for each in both.values() if each.intake.waiting]
        await worker._publishing.publish(await worker._pipeline._storing.store(0, ready))
    places = [span.attributes["messaging.destination.partition.id"] for span in spans.processed]
    assert places == ["1"] * 3
    for word in ("batch ", "poll "):
        counts = [span.attributes["messaging.batch.message_count"] for span in spans.named(word)]
        assert sum(counts) == 3
    assert spans.named("take over ") == []

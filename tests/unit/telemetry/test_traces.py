"""TracesInMemory of what a worker does: which there are, where they belong, and what they do not say."""

import json

import pytest
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import SpanKind

from consumer.telemetry.trace_context import command_links
from consumer.telemetry.traces_sampled import Sampler
from schemas.cloudevents import HEADER_PREFIX
from tests.unit.engine.logs import ACCOUNTS, create, rubbish, update
from tests.unit.engine.oracle import read
from tests.unit.engine.scene import Scene
from tests.unit.telemetry.spans import SAMPLED, SPAN, TRACE, UNSAMPLED, TracesInMemory, hex_ids, traced

LOG = [create(0), update(1), traced(update(2), SAMPLED, ce_tracestate="vendor=1"), rubbish(3), create(4)]
COMMANDS = 4


async def worked(ratio, log=LOG):
    scene, spans = Scene(), TracesInMemory(ratio)
    scene.send(log)
    await scene.work(traces=spans)
    return scene, spans


async def test_each_command_has_a_span_and_a_dead_letter_has_none():
    _, spans = await worked(1)
    attributes = [span.attributes for span in spans.processed]
    assert [each["messaging.kafka.offset"] for each in attributes] == [0, 1, 2, 4]
    assert [each["contracts.command"] for each in attributes] == ["create", "update", "update", "create"]
    assert [each["contracts.outcome"] for each in attributes] == ["applied"] * 3 + ["rejected"]
    assert [each.get("contracts.code") for each in attributes] == [None] * 3 + ["contract_exists"]


async def test_spans_of_commands_follow_the_conventions():
    _, spans = await worked(1)
    first = spans.processed[0]
    assert (first.name, first.kind) == ("process contracts.commands", SpanKind.CONSUMER)
    assert first.attributes.items() >= {
        ("messaging.system", "kafka"),
        ("messaging.operation.name", "process"),
        ("messaging.operation.type", "process"),
        ("messaging.destination.name", "contracts.commands"),
        ("messaging.destination.partition.id", "0"),
        ("messaging.consumer.group.name", "group"),
    }
    assert first.start_time < first.end_time


async def test_a_command_is_in_its_sender_s_trace_and_linked_to_its_span():
    _, spans = await worked(0)
    [span] = spans.processed
    assert (hex_ids(span.parent), span.parent.is_remote) == ((TRACE, SPAN), True)
    assert hex_ids(span.context)[0] == TRACE
    assert hex_ids(span.links[0].context) == (TRACE, SPAN)
    assert span.context.trace_state["vendor"] == "1"


@pytest.mark.parametrize("traceparent", ["00-plain", f"00-{'0' * 32}-{SPAN}-01", f"ff-{TRACE}-{SPAN}-01"])
async def test_a_wrong_traceparent_begins_a_trace(traceparent):
    _, spans = await worked(1, [traced(create(0), traceparent)])
    [span] = spans.processed
    assert span.parent is None
    assert hex_ids(span.context)[0] != TRACE
    assert (await worked(0, [traced(create(0), traceparent)]))[1].processed == []


async def test_what_the_sender_decided_holds():
    _, spans = await worked(1, [traced(create(0), UNSAMPLED), update(1)])
    assert [span.attributes["messaging.kafka.offset"] for span in spans.processed] == [1]


def test_the_share_is_that_of_opentelemetry_s_own_sampler():
    ours, theirs = Sampler(0.01), TraceIdRatioBased(0.01)
    for trace_id in (0, theirs.bound - 1, theirs.bound, (1 << 64) - 1, 1 << 64, (1 << 128) - 1):
        assert ours.root(trace_id) == theirs.should_sample(None, trace_id, "").decision.is_sampled()


async def test_a_share_of_the_commands_is_sampled_and_always_the_same_ones():
    log = [create(0), *(update(offset) for offset in range(1, 400))]
    sampled = {
        tuple(span.attributes["messaging.kafka.offset"] for span in (await worked(0.25, log))[1].processed)
        for _ in range(2)
    }
    [offsets] = sampled
    assert 60 < len(offsets) < 140


async def test_batches_have_spans_of_their_stages_and_links_both_ways():
    _, spans = await worked(1, [create(0), update(1)])
    [batch], [transaction], [send] = (spans.named(word) for word in ("batch ", "transaction ", "send"))
    assert [each.context.span_id for each in batch.links] == [
        each.context.span_id for each in spans.processed
    ]
    assert all(each.links[-1].context == batch.context for each in spans.processed)
    assert (transaction.parent, transaction.kind) == (batch.context, SpanKind.CLIENT)
    assert transaction.attributes["db.system.name"] == "mongodb"
    assert (send.parent, send.kind) == (batch.context, SpanKind.CLIENT)
    stages = [span for span in spans.all if span.parent == transaction.context]
    assert [span.name for span in stages] == ["load", "fold", "store"]
    for inner, outer in [(transaction, batch), (send, batch), *((stage, transaction) for stage in stages)]:
        assert outer.start_time <= inner.start_time <= inner.end_time <= outer.end_time
    assert transaction.end_time <= send.start_time


async def test_fetches_and_takeovers_have_spans():
    _, spans = await worked(1)
    [takeover] = spans.named("take over ")
    assert takeover.attributes["contracts.takeover.reason"] == "assigned"
    fetches = spans.named("poll ")
    assert sum(span.attributes["messaging.batch.message_count"] for span in fetches) == len(LOG)
    assert {span.kind for span in fetches} == {SpanKind.CLIENT}


async def test_without_a_sampled_command_only_the_takeover_is_recorded():
    _, spans = await worked(0, [create(0), traced(update(1), UNSAMPLED)])
    assert [span.name for span in spans.all] == ["take over contracts.commands"]


async def test_no_span_names_an_account():
    _, spans = await worked(1)
    assert spans.processed
    for span in spans.all:
        assert not any(account in json.dumps(json.loads(span.to_json())) for account in ACCOUNTS)


async def test_a_handler_finds_the_span_of_the_command_from_the_headers_of_an_event():
    scene, spans = await worked(1)
    ours = {hex_ids(span.context) for span in spans.processed}
    events = [output for output in read(scene._published()) if output.topic == "contracts.changed"]
    assert len(events) == COMMANDS - 1
    for event in events:
        first, *others = (hex_ids(link.context) for link in command_links(event.headers))
        assert first in ours
        assert others == (
            [(TRACE, SPAN)] if any(name == "ce_traceparent" for name, _ in event.headers) else []
        )
        as_text = {name: content.decode() for name, content in event.headers}
        assert next(hex_ids(link.context) for link in command_links(as_text)) == first


def test_what_is_no_event_has_no_links():
    assert command_links({}) == []
    assert command_links([(f"{HEADER_PREFIX}sequence", None), (f"{HEADER_PREFIX}traceparent", b"\xff")]) == []

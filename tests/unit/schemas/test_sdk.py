"""The official CloudEvents SDK reads what we write, and we read what it writes, in both modes."""

from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256

import orjson
import pytest
from cloudevents.core.bindings import kafka as sdk
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from consumer.engine.records import Incoming
from schemas.cloudevents import DEFAULT_SOURCE, Envelope, EventHeaders, event_headers, sequence
from schemas.events import EVENTS
from schemas.identity import event_id
from schemas.messages import schema_uri
from tests.unit.schemas.wire import ACCOUNT, DATA, DECODER, UPDATE, record

WRITERS = {"binary": sdk.to_binary_event, "structured": sdk.to_structured_event}

PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=30)
SOURCES = st.from_regex(r"/[a-z0-9]{1,8}(/[a-z]{1,5}){0,2}", fullmatch=True)
TIMES = st.datetimes(timezones=st.just(UTC)).filter(lambda time: 1 < time.year < 9999)


def arrived(message: sdk.KafkaMessage):
    key = message.key.encode() if isinstance(message.key, str) else message.key
    return DECODER.decode(record(message.value, list(message.headers.items()), key=key))


@pytest.mark.parametrize("mode", WRITERS)
@given(
    id_=PRINTABLE,
    source=SOURCES,
    account=PRINTABLE,
    correlation=st.none() | PRINTABLE,
    time=st.none() | TIMES,
    media=st.sampled_from([None, "application/json"]),
    zone=st.integers(-720, 720),
    notes=st.text(max_size=20),
)
def test_we_read_what_it_writes(mode, id_, source, account, correlation, time, media, zone, notes):
    data = {"changes": {"notes": notes, "base_monthly_fee": 12.5}}
    optional = {
        "correlationid": correlation,
        "time": time and time.astimezone(timezone(timedelta(minutes=zone))),
        "datacontenttype": media,
    }
    event = CloudEvent(
        attributes={"id": id_, "source": source, "type": UPDATE, "subject": account, "partitionkey": account}
        | {name: value for name, value in optional.items() if value is not None},
        data=data,
    )
    found = arrived(WRITERS[mode](event))
    assert isinstance(found, Incoming)
    assert found.command.data["changes"]["notes"] == notes
    assert (found.command.id, found.command.source, found.command.account_id) == (id_, source, account)
    assert (found.envelope.correlationid, found.envelope.subject) == (correlation, account)


@pytest.mark.parametrize("mode", WRITERS)
def test_we_read_what_it_writes_with_its_defaults(mode):
    """The SDK fills in id, time and specversion; the key comes from `partitionkey`."""
    event = CloudEvent(attributes={"source": "/crm", "type": UPDATE, "partitionkey": ACCOUNT}, data=DATA)
    assert isinstance(arrived(WRITERS[mode](event)), Incoming)


CAUSE = Envelope(
    "cause-1", "/crm", UPDATE, correlationid="corr-é", traceparent="00-ab-cd-01", tracestate="vendor=1"
)
TIME = datetime(2026, 11, 22, 10, 11, 12, 123_000, UTC)


def headers_of(name: str, cause: Envelope = CAUSE, **changed):
    fields = {"identity": b"i" * 32, "ordinal": 1, "offset": 42, "subject": ACCOUNT, "time": TIME} | changed
    return event_headers(name, cause=cause, **fields)


@pytest.mark.parametrize("name", EVENTS)
def test_it_reads_what_we_write(name):
    data = {"version": 3, "contract": {"notes": "é"}}
    message = sdk.KafkaMessage(dict(headers_of(name)), ACCOUNT.encode(), orjson.dumps(data))
    event = sdk.from_kafka_event(message)
    assert event.get_data() == data
    assert event.get_specversion() == "1.0"
    assert event.get_id() == event_id(b"i" * 32, EVENTS[name].type, 1)
    assert event.get_source() == DEFAULT_SOURCE
    assert event.get_type() == EVENTS[name].type
    assert event.get_time() == TIME
    assert event.get_subject() == ACCOUNT
    assert event.get_datacontenttype() == "application/json"
    assert event.get_dataschema() == schema_uri(f"{name}.v1")
    extensions = ("partitionkey", "causationid", "correlationid", "sequence", "traceparent", "tracestate")
    assert [event.get_extension(extension) for extension in extensions] == [
        ACCOUNT,
        "cause-1",
        "corr-é",
        "0000000000000000042.00001",
        "00-ab-cd-01",
        "vendor=1",
    ]


@given(
    PRINTABLE,
    PRINTABLE,
    TIMES,
    st.integers(0, 2**63 - 1),
    st.integers(0, 99_999),
    st.sampled_from(sorted(EVENTS)),
)
def test_it_reads_whatever_we_write(account, cause, time, offset, ordinal, name):
    written = headers_of(
        name, CAUSE._replace(id=cause), subject=account, time=time, offset=offset, ordinal=ordinal
    )
    assert len(dict(written)) == len(written)
    event = sdk.from_kafka_event(sdk.KafkaMessage(dict(written), account.encode(), b"{}"), JSONFormat())
    assert (event.get_subject(), event.get_extension("causationid")) == (account, cause)
    assert event.get_time() == time.replace(microsecond=time.microsecond // 1000 * 1000)
    again = sdk.to_binary_event(event)
    assert again.headers == dict(written) | {"ce_time": again.headers["ce_time"]}


def test_what_the_cause_does_not_have_is_left_out():
    names = dict(headers_of("changed", Envelope("c", "/crm", UPDATE)))
    assert not {"ce_correlationid", "ce_traceparent", "ce_tracestate"} & set(names)


def test_the_source_is_a_setting():
    headers = EventHeaders("urn:blue").of(
        "changed", identity=b"i", ordinal=0, offset=1, subject="a", time=TIME, cause=CAUSE
    )
    assert ("ce_source", b"urn:blue") in headers


@given(
    st.tuples(st.integers(0, 2**63 - 1), st.integers(0, 99_999)),
    st.tuples(st.integers(0, 2**63 - 1), st.integers(0, 99_999)),
)
def test_sequences_sort_as_texts_as_their_numbers_do(one, other):
    assert (sequence(*one) < sequence(*other)) == (one < other)


def test_event_ids_are_the_same_again_and_differ_in_every_part():
    base = (b"i" * 32, "t", 0)
    others = {event_id(b"j" * 32, "t", 0), event_id(b"i" * 32, "u", 0), event_id(b"i" * 32, "t", 1)}
    assert event_id(*base) == event_id(*base)
    assert len(others | {event_id(*base)}) == 4
    assert event_id(b"i" * 32, "t", 12) == sha256(b"i" * 32 + b"t/12").hexdigest()[:32]

"""What waits repeats nothing that it has in common with the record before."""

from hypothesis import given
from hypothesis import strategies as st

from consumer.engine.shared_headers import with_shared_headers
from consumer.engine.takeover import Resumed
from consumer.kafka.fetcher import Fetched
from consumer.kafka.parsing import LogRecord
from consumer.storage.protocols import Position
from tests.simulation.group import make_worker
from tests.unit.engine.logs import TOPIC, unreadable
from tests.unit.engine.scene import ORIGIN
from tests.unit.engine.scene import Scene as Running


def parsed(offset, headers):
    """A record as from the network: it shares nothing with others."""
    own = tuple((name.encode().decode(), value and bytes([*value])) for name, value in headers)
    return LogRecord(TOPIC, 0, offset, 7, b"key", b"{}", own)


def command(offset):
    return parsed(offset, [("ce_source", b"/billing"), ("ce_id", b"id-%d" % offset)])


names = st.sampled_from(["ce_id", "ce_source", "ce_type"])
headers = st.lists(st.tuples(names, st.sampled_from([None, b"", b"/billing", b"/crm"])), max_size=3)


@given(st.lists(headers, max_size=6))
def test_the_records_are_equal_to_what_they_were(rows):
    records = [parsed(offset, row) if row else unreadable(offset) for offset, row in enumerate(rows)]
    assert with_shared_headers(records) == records


def test_equal_headers_and_names_are_the_same_objects():
    first, second = with_shared_headers([command(10), command(11)])
    assert second.headers[0] is first.headers[0]
    assert second.headers[1][0] is first.headers[1][0]
    assert (first.headers[1][1], second.headers[1][1]) == (b"id-10", b"id-11")


def test_a_partition_keeps_them_so():
    partition = make_worker(Running().heir, [0], "heir").partitions[0]
    partition.go_on_from(Resumed(Position(f"{TOPIC}/0", ORIGIN, next=0), 0))
    records = [command(0), unreadable(1), command(2), command(3)]
    assert partition.take_in(Fetched(0, records, 4, 4, 4), now=0.0)
    waiting = [*partition.intake._records]
    assert waiting == records
    assert waiting[2].headers[0] is waiting[3].headers[0]

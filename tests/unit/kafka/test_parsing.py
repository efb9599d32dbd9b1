"""The records of a fetched block are what was written; what they have in common is in memory once."""

import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from consumer.kafka.parsing import parse

PLACE = TopicPartition("commands", 0)
NAMES = ("ce_id", "ce_source", "ce_type")


def block(rows):
    """One batch, with a record for each list of headers."""
    builder = DefaultRecordBatchBuilder(
        2, 0, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1, batch_size=1 << 20
    )
    for number, headers in enumerate(rows):
        builder.append(number, 7, b"key", b"{}", headers)
    return bytes(builder.build())


async def headers_of(rows):
    records, position = await parse(PLACE, block(rows), (), 0)
    assert position == len(rows)
    return [record.headers for record in records]


headers = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from([None, b"", b"/billing", b"/crm"])), max_size=3
)


@given(st.lists(headers, min_size=1, max_size=6))
def test_headers_are_what_they_were(rows):
    assert asyncio.run(headers_of(rows)) == [tuple(row) for row in rows]


@pytest.fixture
async def two():
    first = [("ce_source", b"/billing"), ("ce_id", b"id-1000")]
    return await headers_of([first, [first[0], ("ce_id", b"id-1001")]])


async def test_an_equal_header_is_the_same_object(two):
    assert two[1][0] is two[0][0]


async def test_equal_names_are_the_same_object(two):
    assert two[1][1][0] is two[0][1][0]
    assert two[1][1][1] == b"id-1001"

"""Entries of the journal as anybody could have written them."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.kafka.journal_entries import Claim, Forgotten, Progress, Release, entry_of, journal_batch
from consumer.kafka.recordbatches import outputs_in

NAMES = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1)
NUMBERS = st.integers(0, (1 << 63) - 1)
ENTRIES = st.one_of(
    st.builds(Progress, NUMBERS, NUMBERS, NAMES),
    st.builds(Release, NUMBERS, NUMBERS, NAMES),
    st.builds(Claim, NAMES),
)
ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(-(1 << 63), (1 << 63) - 1), st.text(), st.lists(st.none())
)


@given(ENTRIES)
def test_what_is_written_is_read_again(entry):
    [record] = outputs_in([journal_batch("journal", 0, entry, 0)])
    assert entry_of(record.key, record.value) == entry


@given(
    st.sampled_from(["progress", "claim", "release", "other"]),
    st.dictionaries(st.sampled_from(["next", "generation", "by", "more"]), ANYTHING),
    st.sampled_from([b"progress", b"claim/x", b"claim/", b"other", None]),
)
def test_whatever_it_holds_it_is_an_entry_with_the_right_types_or_refused(name, fields, key):
    try:
        entry = entry_of(key, orjson.dumps({name: fields}))
    except ValueError:
        return
    assert not isinstance(entry, Forgotten)
    assert type(entry.by) is str
    if not isinstance(entry, Claim):
        assert type(entry.next) is int
        assert entry.next >= 0
        assert type(entry.generation) is int


@given(st.one_of(st.none(), st.binary()), st.one_of(st.none(), st.binary()))
def test_any_bytes_are_an_entry_or_refused(key, value):
    try:
        entry_of(key, value)
    except ValueError:
        return
    assert value is None
    assert key is not None
    assert key.startswith(b"claim/")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"progress", {"progress": {"next": "7", "generation": 1, "by": "x"}}),
        (b"progress", {"progress": {"next": -1, "generation": 1, "by": "x"}}),
        (b"progress", {"progress": {"next": True, "generation": 1, "by": "x"}}),
        (b"progress", {"progress": {"next": 7, "generation": 1, "by": 2}}),
        (b"other", {"progress": {"next": 7, "generation": 1, "by": "x"}}),
        (b"claim/y", {"claim": {"by": "x"}}),
        (b"progress", {"claim": {"by": "x"}}),
    ],
)
def test_an_entry_of_another_program_is_refused(key, value):
    with pytest.raises(ValueError, match="not an entry of the journal"):
        entry_of(key, orjson.dumps(value))

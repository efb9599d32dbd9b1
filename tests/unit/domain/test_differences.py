"""`diff` and `revert`."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from consumer.domain.differences import STAMPS, diff, pointer, revert
from consumer.domain.model import ABSENT, FieldChange

names = st.text("a/~01", min_size=1, max_size=3)
values = st.recursive(
    st.integers(0, 3) | st.text(max_size=2) | st.lists(st.integers(0, 2), max_size=2),
    lambda inner: st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
documents = st.dictionaries(st.sampled_from(["notes", "tags", "metadata", "usage_limits"]), values)


@given(documents, documents)
def test_a_revert_takes_the_changes_back(before, after):
    assert revert(after, diff(before, after)) == before


@given(documents, documents)
def test_there_are_changes_where_states_differ_and_only_there(before, after):
    changes = diff(before, after)
    assert bool(changes) == (before != after)
    assert len({change.path for change in changes}) == len(changes)
    assert all(change.before != change.after for change in changes)


@given(documents, documents)
def test_neither_state_is_touched(before, after):
    copies = repr((before, after))
    revert(after, diff(before, after))
    assert repr((before, after)) == copies


def test_objects_are_compared_by_field_and_lists_as_a_whole():
    before = {"usage_limits": {"a": 1, "b": 2}, "tags": ["x", "y"], "notes": "n"}
    after = {"usage_limits": {"a": 1, "b": 3}, "tags": ["x"], "primary_contact": {"name": "Ada"}}
    assert set(map(repr, diff(before, after))) == {
        repr(FieldChange("/usage_limits/b", 2, 3)),
        repr(FieldChange("/tags", ["x", "y"], ["x"])),
        repr(FieldChange("/primary_contact", ABSENT, {"name": "Ada"})),
        repr(FieldChange("/notes", "n", ABSENT)),
    }


def test_stamps_and_hidden_fields_are_left_out():
    before = dict.fromkeys((*STAMPS, "_id", "lifecycle"), 1)
    after = dict.fromkeys(before, 2)
    assert diff(before, after) == ()


def test_but_not_fields_of_the_same_name_further_down():
    assert diff({"metadata": {"version": "1"}}, {"metadata": {}}) == (
        FieldChange("/metadata/version", "1", ABSENT),
    )


def test_a_name_that_looks_escaped_comes_back_as_it_was():
    before, after = {"metadata": {"~1": "x"}}, {"metadata": {}}
    assert revert(after, diff(before, after)) == before


def test_pointers_are_escaped():
    assert pointer("metadata", "a/b~c", 0) == "/metadata/a~1b~0c/0"

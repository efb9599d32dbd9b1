"""Where a schema accepts less or more than another."""

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from schemas.differences import EXTENSIBLE, differences

CLOSED = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 10},
        "age": {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]},
        "plan": {"enum": ["basic", "custom"], "type": "string"},
        "tags": {"type": "array", "items": {"$ref": "#/$defs/Tag"}, "maxItems": 3},
        "notes": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "propertyNames": {"maxLength": 5},
        },
    },
    "required": ["name"],
    "additionalProperties": False,
    "$defs": {"Tag": {"type": "string", "pattern": "^[a-z]+$"}},
}


def at(path, value):
    """The schema with another value at a path; None removes it."""
    schema = copy.deepcopy(CLOSED)
    *steps, last = path.split("/")
    node = schema
    for step in steps:
        node = node[int(step)] if isinstance(node, list) else node[step]
    if value is None:
        del node[last]
    else:
        node[last] = value
    return schema


LESS, MORE, BOTH, NEITHER = (True, False), (False, True), (True, True), (False, False)

CASES = [
    ("properties/name/maxLength", 9, "/name", LESS),
    ("properties/name/maxLength", 11, "/name", MORE),
    ("properties/name/maxLength", None, "/name", MORE),
    ("properties/name/minLength", 2, "/name", LESS),
    ("properties/name/minLength", None, "/name", MORE),
    ("properties/name/type", "integer", "/name", BOTH),
    ("properties/name/type", None, "/name", MORE),
    ("properties/name/pattern", "^x", "/name", LESS),
    ("properties/name/x-new-word", 1, "/name", BOTH),
    ("properties/name/description", "only words", None, NEITHER),
    ("properties/age/anyOf", [{"type": "integer", "minimum": 0}], "/age", LESS),
    ("properties/age/anyOf", [{"type": "null"}, {"type": "integer", "minimum": 0}], None, NEITHER),
    ("properties/age/anyOf/0/minimum", 18, "/age", LESS),
    ("properties/age", {"type": "integer", "minimum": -1}, "/age", BOTH),
    ("properties/age/anyOf/0/type", "number", "/age", MORE),
    ("properties/age/maximum", 17, "/age", LESS),
    ("properties/plan/enum", ["basic"], "/plan", LESS),
    ("properties/plan/enum", ["basic", "custom", "gold"], "/plan", MORE),
    ("properties/plan/enum", ["custom", "basic"], None, NEITHER),
    ("properties/plan/enum", None, "/plan", MORE),
    ("properties/tags/items", None, "/tags/*", MORE),
    ("properties/tags/items/enum", ["a"], "/tags/*", LESS),
    ("properties/tags/uniqueItems", True, "/tags", LESS),
    ("properties/tags/uniqueItems", False, None, NEITHER),
    ("properties/notes/additionalProperties", {"type": "number"}, "/notes/*", BOTH),
    ("properties/notes/additionalProperties", False, "/notes", LESS),
    ("properties/notes/propertyNames/maxLength", 6, "/notes/*", MORE),
    ("properties/notes/properties", {"k": {"type": "number"}}, "/notes/k", BOTH),
    ("$defs/Tag/pattern", "^[A-Z]+$", "/tags/*", BOTH),
    ("required", ["name", "plan"], "/plan", LESS),
    ("required", None, "/name", MORE),
    ("properties/tags", None, "/tags", LESS),
    ("properties/new", {"type": "string"}, "/new", MORE),
    ("additionalProperties", None, "", MORE),
]


@pytest.mark.parametrize(("path", "value", "where", "expected"), CASES)
def test_each_kind_of_change(path, value, where, expected):
    found = differences(CLOSED, at(path, value))
    assert (any(one.accepts_less for one in found), any(one.accepts_more for one in found)) == expected
    assert {one.path for one in found} == (set() if where is None else {where})


def test_and_the_other_way_round():
    for path, value, _, (less, more) in CASES:
        found = differences(at(path, value), CLOSED)
        assert (any(one.accepts_less for one in found), any(one.accepts_more for one in found)) == (
            more,
            less,
        )


def test_values_of_an_open_enumeration_are_told_and_change_nothing_in_what_is_accepted():
    old = at("properties/plan", {"type": "string", EXTENSIBLE: ["basic", "custom"]})
    new = at("properties/plan", {"type": "string", EXTENSIBLE: ["basic", "gold"]})
    assert differences(old, new) == [
        ("/plan", "value 'custom' is no longer listed", *NEITHER),
        ("/plan", "value 'gold' is new", *NEITHER),
    ]
    assert [one[2:] for one in differences(CLOSED, old)] == [MORE]


def test_new_fields_in_open_objects_are_no_difference_in_what_is_accepted():
    opened = at("additionalProperties", None)
    grown = copy.deepcopy(opened)
    grown["properties"]["new"] = {"type": "string"}
    assert [one[2:] for one in differences(opened, grown)] == [NEITHER]
    assert [one[2:] for one in differences(grown, opened)] == [NEITHER]


DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["", "a", "a" * 10, "a" * 11, "ab", 1]),
        "age": st.sampled_from([None, -1, 0, 17, 18, 1.5, "x"]),
        "plan": st.sampled_from(["basic", "custom", "gold", 1]),
        "tags": st.lists(st.sampled_from(["a", "b", "B", 1]), max_size=4),
        "notes": st.dictionaries(
            st.sampled_from(["k", "sixsix", "seven77"]), st.sampled_from(["t", 1]), max_size=2
        ),
        "new": st.sampled_from(["a", 1]),
        "other": st.just(1),
    },
)


@settings(max_examples=600)
@given(DOCUMENTS, st.sampled_from(CASES))
def test_what_is_said_about_acceptance_is_true(document, case):
    """No document fares worse or better with the new schema unless the comparison says so."""
    path, value, _, (less, more) = case
    before, after = (Draft202012Validator(schema).is_valid(document) for schema in (CLOSED, at(path, value)))
    assert less or not before or after
    assert more or not after or before

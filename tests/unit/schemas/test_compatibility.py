"""Which changes break whom."""

import copy
import subprocess
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from schemas.compatibility import Change, changes, in_folder, in_git
from schemas.differences import EXTENSIBLE, differences
from schemas.events import EVENTS
from schemas.examples import EVENT_EXAMPLES
from schemas.export import PUBLISHED
from schemas.jsonschema import DIALECT, opened, schemas

ROOT = Path(__file__).parents[3]
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


def command(**properties):
    return {"$schema": DIALECT, "type": "object", "additionalProperties": False, "properties": properties}


def event(*required, **properties):
    return {"$schema": DIALECT, "type": "object", "properties": properties, "required": list(required)}


TEXT, NUMBER = {"type": "string"}, {"type": "number"}
PLANS, MORE_PLANS = TEXT | {"enum": ["basic"]}, TEXT | {"enum": ["basic", "gold"]}


@pytest.mark.parametrize(
    ("old", "new", "breaking"),
    [
        ({"update.v1": command(a=TEXT)}, {"update.v1": command(a=TEXT, b=TEXT)}, False),
        ({"update.v1": command(a=TEXT, b=TEXT)}, {"update.v1": command(a=TEXT)}, True),
        ({"update.v1": command(a=TEXT)}, {"update.v1": command(a=NUMBER)}, True),
        (
            {"update.v1": command(a=TEXT)},
            {"update.v1": command(a=TEXT), "update.v2": command(a=NUMBER)},
            False,
        ),
        ({"update.v1": command(a=TEXT)}, {"update.v2": command(a=TEXT)}, True),
        ({"changed.v1": event("a", a=TEXT)}, {"changed.v1": event("a", a=TEXT, b=TEXT)}, False),
        ({"changed.v1": event("a", a=TEXT)}, {"changed.v1": event("a", "b", a=TEXT, b=TEXT)}, False),
        ({"changed.v1": event("a", a=TEXT)}, {"changed.v1": event(a=TEXT)}, True),
        ({"changed.v1": event("a", a=TEXT)}, {"changed.v1": event("a", a={})}, True),
        ({"changed.v1": event("a", a={})}, {"changed.v1": event("a", a=TEXT)}, False),
        ({"update.v1": command(a=PLANS)}, {"update.v1": command(a=MORE_PLANS)}, False),
        ({"update.v1": command(a=MORE_PLANS)}, {"update.v1": command(a=PLANS)}, True),
        ({"changed.v1": opened(event(a=PLANS))}, {"changed.v1": opened(event(a=MORE_PLANS))}, False),
        ({"changed.v1": opened(event(a=MORE_PLANS))}, {"changed.v1": opened(event(a=PLANS))}, False),
        ({"changed.v1": opened(event(a=PLANS))}, {"changed.v1": event(a=NUMBER)}, True),
        ({"contract.v1": event("a", a=TEXT)}, {"contract.v1": event(b=TEXT)}, True),
        ({"changed.v1": event()}, {}, True),
    ],
)
def test_a_breaking_change_needs_a_new_type_version(old, new, breaking):
    assert any(change.breaking for change in changes(old, new)) == breaking


def test_what_is_published_is_compatible_with_itself():
    assert changes(in_folder(PUBLISHED), schemas()) == []
    assert set(in_folder(PUBLISHED)) == set(schemas())


def test_what_others_consume_is_open_and_what_they_produce_is_closed():
    """A consumer's validator, or a model made from the schema, takes a value that is not there yet."""
    consumed = {*EVENTS, "contract"}
    for label, schema in schemas().items():
        text = orjson.dumps(schema)
        if label.partition(".")[0] in consumed:
            assert b'"enum"' not in text, label
            assert b'"const"' not in text, label
    changed = copy.deepcopy(EVENT_EXAMPLES["changed.v1"][0])
    changed["change"], changed["contract"]["status"] = "merged", "frozen"
    Draft202012Validator(schemas()["changed.v1"]).validate(changed)
    listed = schemas()["changed.v1"]["properties"]["change"][EXTENSIBLE]
    assert "renewed" in listed
    create = schemas()["create.v1"]
    assert b'"enum"' in orjson.dumps(create)
    assert not Draft202012Validator(create).is_valid({"contract_type": "gold"})


def test_a_change_says_who_has_to_act():
    old, new = schemas(), copy.deepcopy(schemas())
    del new["cancel.v1"]["properties"]["reason"]
    new["changed.v1"]["required"].remove("version")
    found = changes(old, new)
    assert found == [
        Change("cancel.v1", "/reason", "is gone", breaks_producers=True),
        Change("changed.v1", "/version", "is no longer required", breaks_consumers=True),
    ]
    assert [str(change) for change in found] == [
        "BREAKING: cancel.v1 /reason is gone",
        "BREAKING: changed.v1 /version is no longer required",
    ]


def test_schemas_of_another_commit(tmp_path):
    folder = tmp_path / "schemas" / "published"
    folder.mkdir(parents=True)
    git = ["git", "-C", tmp_path, "-c", "user.name=t", "-c", "user.email=t@example.com"]
    (folder / "update.v1.json").write_bytes(orjson.dumps(command(a=TEXT)))
    (folder / "asyncapi.json").write_bytes(b"{}")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"], ["tag", "v1"]):
        subprocess.run([*git, *arguments], check=True)
    assert in_git("v1", tmp_path) == {"update.v1": command(a=TEXT)}
    with pytest.raises(subprocess.CalledProcessError):
        in_git("no-such", tmp_path)


def test_nothing_breaks_the_users_of_the_last_release():
    command = ["git", "-C", ROOT, "describe", "--tags", "--abbrev=0"]
    try:
        tag = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("there is no release yet, or no git: the schemas were NOT compared with one")
    assert [str(change) for change in changes(in_git(tag, ROOT), schemas()) if change.breaking] == []

"""Which changes break whom."""

import copy
import subprocess
from pathlib import Path

import orjson
import pytest
from jsonschema import Draft202012Validator

from schemas.accepted import accepted
from schemas.compatibility import Change, changes, in_folder, in_git
from schemas.differences import EXTENSIBLE
from schemas.events import OUTPUTS
from schemas.examples import EVENT_EXAMPLES
from schemas.export import PUBLISHED, compared
from schemas.jsonschema import DIALECT, opened, schemas

ROOT = Path(__file__).parents[3]


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
    assert changes(in_folder(PUBLISHED), compared()) == []
    assert set(in_folder(PUBLISHED)) == set(compared())


def test_what_others_consume_is_open_and_what_they_produce_is_closed():
    """A consumer's validator, or a model made from the schema, takes a value that is not there yet."""
    consumed = {*OUTPUTS, "contract"}
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
    found = changes(in_git(tag, ROOT), compared())
    assert [str(change) for change in found if change.breaking and not accepted(change)] == []

"""`contracts templates check` and `register`, with what a real database knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pymongo import MongoClient

from tests.unit.cli.test_templates import written
from tests.unit.domain.catalogues import version

if TYPE_CHECKING:
    from collections.abc import Callable

    from devstack.given import GivenMongo
    from devstack.mongo import MongoServer
    from tests.command_line import Ran

PAST, AHEAD = "2026-01-01", "2999-01-01"


@pytest.fixture
def templates(
    contracts: Callable[..., Ran],
    as_it_was: None,
    mongo: MongoServer | GivenMongo,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Ran]:
    """Runs `contracts templates ...` on a database of its own."""
    monkeypatch.setenv("CONTRACTS_MONGO_URI", mongo.uri)
    monkeypatch.setenv("CONTRACTS_MONGO_DATABASE", database)
    return lambda *arguments: contracts("templates", *arguments)


def decided(mongo: MongoServer | GivenMongo, database: str) -> None:
    """A command was applied."""
    with MongoClient[dict[str, Any]](mongo.uri) as client:
        client[database].positions.insert_one({"_id": "contracts.commands/0", "last": {"timestamp": 1}})


def test_what_is_not_in_force_yet_is_made_known_changed_and_removed(templates, tmp_path, mongo, database):
    decided(mongo, database)
    file = written(tmp_path, "two.json", version(2, AHEAD, dearer=10))
    changed = written(tmp_path, "changed.json", version(2, AHEAD, dearer=11))
    without = written(tmp_path, "one.json")
    for path, text, done in (
        (file, "is new", "made known"),
        (changed, "is another one", "replaced"),
        (without, "is missing", "removed"),
    ):
        (found,) = templates("check", path, "--json").json
        assert (found["number"], found["text"], found["at"]) == (2, text, f"{AHEAD}T00:00:00Z")
        assert templates("check", path, "--json").json == [found], "a check makes nothing known"
        assert templates("register", path, "--json").json == [{"number": 2, "done": done}]
        assert templates("check", path, "--json").json == []
        assert templates("register", path, "--json").json == []


@pytest.mark.parametrize("command", ["check", "register"])
def test_what_commands_were_decided_by_is_not_rewritten(templates, tmp_path, mongo, database, command):
    known = written(tmp_path, "known.json", version(2, PAST, dearer=10))
    assert templates("register", known).code == 0, "before the first command any file will do"
    decided(mongo, database)
    assert templates(command, known).code == 0
    for versions, why in (
        ([version(2, PAST, dearer=11)], "version 2 is changed, and commands are decided by it"),
        ([], "version 2 is missing, and commands are decided by it"),
        (
            [version(2, PAST, dearer=10), version(3, "2026-02-01", dearer=20)],
            "version 3 would be in force from 2026-02-01T00:00:00Z",
        ),
    ):
        ran = templates(command, written(tmp_path, "other.json", *versions))
        assert (ran.code, ran.out) == (21, "")
        assert why in ran.err
    assert templates("check", known, "--json").json == []

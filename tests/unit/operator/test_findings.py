"""What `contracts doctor` makes of what it was told, and how one failure leaves the rest standing."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from consumer.domain.catalogue import BUILT_IN_ONLY, Catalogue
from consumer.errors import StoreDenied
from consumer.kafka.inquiry import missing_rights
from consumer.kafka.topic_plan import plan
from consumer.operator import findings
from consumer.operator.doctor import Check, examine
from consumer.operator.findings import Finding, State
from consumer.operator.position_table import Row
from consumer.settings import load_settings
from consumer.storage.inquiry import not_granted
from tests.unit.domain.catalogues import SECOND, THREE
from tests.unit.domain.story import instant

NOW = datetime(2026, 1, 31, tzinfo=UTC)
PLANNED = plan(load_settings(topic_prefix="p."), 4)
SOUND = {topic.name: topic for topic in PLANNED}
COMMANDS, JOURNAL = "p.contracts.commands", "p.contracts.positions"


async def fine(check: str) -> Finding:
    return Finding(check, State.OK, "there")


async def denied(check: str) -> Finding:
    raise StoreDenied("MongoDB refuses access")


async def silent(check: str) -> Finding:
    await asyncio.Event().wait()
    raise AssertionError


async def states(*checks: Check) -> dict[str, Finding]:
    return {found.check: found async for found in examine(checks, seconds=0.05)}


@pytest.mark.parametrize(
    ("look", "told", "hint"),
    [
        (denied, "MongoDB refuses access", StoreDenied.hint),
        (silent, "no answer within 0.05 s", "is the server"),
    ],
    ids=["refused", "silent"],
)
async def test_what_fails_does_not_end_it(look, told: str, hint: str) -> None:
    found = await states(
        Check("database", look),
        Check("indexes", fine, ("database",)),
        Check("broker", fine),
        Check("partitions", fine, ("broker", "database")),
    )
    assert [each.state for each in found.values()] == ["failed", "not checked", "ok", "not checked"]
    assert found["database"].found == told
    assert found["database"].hint.startswith(hint)
    assert found["partitions"].found == "needs: database"


async def test_a_defect_is_no_finding() -> None:
    async def broken(check: str) -> Finding:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await states(Check("database", broken))


def topics(**changed: object) -> Finding:
    return findings.of_topics("topics", PLANNED, {**SOUND, **changed}, "p.")


def test_topics_as_planned() -> None:
    assert topics().state is State.OK
    assert "4 partitions" in topics().found


def test_a_missing_topic() -> None:
    found = findings.of_topics("topics", PLANNED, {k: v for k, v in SOUND.items() if k != JOURNAL}, "p.")
    assert (found.state, found.found) == (State.FAILED, f"missing: {JOURNAL}")
    assert "contracts topics ensure" in found.hint


@pytest.mark.parametrize(
    ("topic", "change", "state", "words"),
    [
        (JOURNAL, {"partitions": 3}, State.FAILED, f"{JOURNAL} 3"),
        (JOURNAL, {"cleanup.policy": "delete"}, State.FAILED, "cleanup.policy is delete"),
        (COMMANDS, {"message.timestamp.type": "CreateTime"}, State.FAILED, "timestamp.type is CreateTime"),
        (COMMANDS, {"replication": 1}, State.WARNING, "replication factor is 1, planned 3"),
        (COMMANDS, {"retention.ms": "1000"}, State.WARNING, "retention.ms is 1000, planned -1"),
        (COMMANDS, {"settings": {}}, State.WARNING, f"no right to see the settings of {COMMANDS}"),
    ],
)
def test_a_topic_that_is_otherwise(topic: str, change: dict[str, object], state: State, words: str) -> None:
    sound = SOUND[topic]
    fields = {name: value for name, value in change.items() if hasattr(sound, name)}
    configs = {name: value for name, value in change.items() if name not in fields}
    changed = replace(sound, **{"settings": {**sound.settings, **configs}, **fields})
    found = topics(**{topic: changed})
    assert found.state is state
    assert words in found.found
    assert found.hint


@pytest.mark.parametrize(
    ("missing", "empty", "state"),
    [([], False, State.OK), (["the index a.b is missing"], False, State.FAILED), ([], True, State.WARNING)],
)
def test_indexes(missing: list[str], empty: bool, state: State) -> None:
    found = findings.of_indexes("indexes", missing, empty=empty)
    assert found.state is state
    assert bool(found.hint) == (state is not State.OK)


@pytest.mark.parametrize(
    ("mine", "until", "state", "words"),
    [
        (THREE, NOW, State.OK, "version 1 of 3 is in force"),
        (BUILT_IN_ONLY, NOW, State.WARNING, "version 2, from 2026-06-01T00:00:00Z, is missing"),
        (BUILT_IN_ONLY, instant(SECOND), State.FAILED, "version 2 is missing"),
        (BUILT_IN_ONLY, None, State.WARNING, "version 2"),
    ],
)
def test_templates(mine: Catalogue, until: datetime | None, state: State, words: str) -> None:
    found = findings.of_templates("templates", THREE, mine, NOW, until)
    assert found.state is state
    assert words in found.found
    assert bool(found.hint) == (state is not State.OK)


@pytest.mark.parametrize(
    ("ahead", "took", "state", "words"),
    [
        (1.9, 0.0, State.OK, "1.9 s ahead of"),
        (-1.9, 0.0, State.OK, "1.9 s behind"),
        (2.1, 0.0, State.WARNING, "2.1 s ahead of"),
        (-2.1, 0.0, State.WARNING, "2.1 s behind"),
        (2.9, 2.0, State.OK, "± 1.0 s"),
        (3.1, 2.0, State.WARNING, "± 1.0 s"),
    ],
)
def test_clocks(ahead: float, took: float, state: State, words: str) -> None:
    found = findings.of_clock("clock", timedelta(seconds=ahead), timedelta(seconds=took))
    assert found.state is state
    assert words in found.found


@pytest.mark.parametrize(
    ("newest", "state"),
    [
        (None, State.NOT_CHECKED),
        (NOW - timedelta(days=9), State.OK),
        (NOW + timedelta(seconds=2), State.OK),
        (NOW + timedelta(seconds=3), State.WARNING),
    ],
)
def test_the_brokers_clock_shows_only_when_it_is_ahead(newest: datetime | None, state: State) -> None:
    assert findings.of_broker_clock("clock", newest, NOW).state is state


def test_partitions() -> None:
    sound = Row(0, position=5, published=5, log_start=0, log_end=8, generation=1)
    unread = Row(1, position=None, published=None, log_start=2, log_end=4, generation=None)
    found = findings.of_partitions("partitions", [sound, unread])
    assert (found.state, found.found) == (State.OK, "2 partitions, none stopped; 5 offsets not applied yet")
    stopped = findings.of_partitions("partitions", [sound, replace(unread, problem="p/1: it is torn")])
    assert (stopped.state, stopped.found) == (State.FAILED, "p/1: it is torn")
    assert "contracts positions show" in stopped.hint
    away = replace(sound, log_start=None, log_end=None, problem="p/0 has no leader", remedy="start it")
    assert findings.of_partitions("partitions", [away, unread]).hint == "start it"
    both = findings.of_partitions("partitions", [away, replace(unread, problem="p/1: it is torn")])
    assert both.hint == "`contracts positions show` names the decision for each; start it"


def test_rights_that_are_missing_or_not_told() -> None:
    wanted = {"a": ("Read", "Write"), "b": ("Write",), "c": ("Write",), "gone": ("Write",)}
    told = {"a": frozenset({"Read"}), "b": frozenset({"Write"}), "c": None}
    assert missing_rights(wanted, told) == ["Write on a"]
    assert findings.of_rights("rights", ["Write on a"], ["c"], "give it").state is State.FAILED
    assert findings.of_rights("rights", [], ["c"], "give it").state is State.WARNING
    assert findings.of_rights("rights", [], [], "give it").state is State.OK


READ_WRITE = ["find", "insert", "update", "remove", "createCollection", "createIndex"]
KILL = {"resource": {"cluster": True}, "actions": ["killAnySession"]}


def on(database: str, *actions: str, collection: str = "") -> dict[str, object]:
    return {"resource": {"db": database, "collection": collection}, "actions": [*actions]}


@pytest.mark.parametrize(
    ("privileges", "missing"),
    [
        ([on("contracts", *READ_WRITE, "collMod"), KILL], 0),
        ([on("", *READ_WRITE, "collMod"), KILL], 0),
        ([{"resource": {"anyResource": True}, "actions": [*READ_WRITE, "collMod", "killAnySession"]}], 0),
        ([on("contracts", *READ_WRITE), on("contracts", "collMod"), KILL], 0),
        ([on("contracts", *READ_WRITE, "collMod")], 1),
        ([on("contracts", *READ_WRITE), KILL], 7),
        ([on("contracts", *READ_WRITE), on("contracts", "collMod", collection="contracts"), KILL], 6),
        ([on("other", *READ_WRITE, "collMod"), KILL], 49),
        ([], 50),
    ],
)
def test_privileges_as_mongodb_lists_them(privileges: list[dict[str, object]], missing: int) -> None:
    assert len([*not_granted(privileges, "contracts")]) == missing

"""What all processes know of the templates, and what becomes of a process with another file."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from consumer.domain.catalogue import BUILT_IN, BUILT_IN_ONLY, Catalogue
from consumer.errors import ForeignDocument, TemplatesRefused
from consumer.operator.templates import announce, decided_until, follow, register, watch
from consumer.settings import Settings
from consumer.storage.known_templates import KnownTemplates
from tests.unit.domain.catalogues import SECOND, THIRD, THREE, version
from tests.unit.domain.story import instant

NOW = instant("2026-01-31")
TWO = Catalogue(THREE.versions[:2])
OTHER_TWO = Catalogue((BUILT_IN, version(2, SECOND, dearer=11)))


@pytest.fixture
def database(mongo_backend):
    return mongo_backend.store().database


@pytest.fixture
def known(database) -> KnownTemplates:
    return KnownTemplates(database)


async def test_at_first_only_the_first_version_is_known(known):
    assert await known.read() == BUILT_IN_ONLY


async def test_versions_become_known_once(known):
    await announce(known, THREE, NOW)
    await announce(known, THREE, NOW)
    assert await known.read() == THREE


async def test_two_processes_that_start_together_agree(known):
    await asyncio.gather(*(announce(known, THREE, NOW) for _ in range(4)))
    assert await known.read() == THREE


async def test_of_two_with_different_terms_one_does_not_start(known):
    await announce(known, TWO, NOW)
    with pytest.raises(TemplatesRefused, match="version 2 is known with other terms") as refused:
        await announce(known, OTHER_TWO, NOW)
    assert "register" in refused.value.hint


@pytest.mark.parametrize("mine", [BUILT_IN_ONLY, OTHER_TWO])
async def test_a_file_that_rewrites_what_was_in_force_starts_no_process(known, mine):
    await announce(known, TWO, NOW)
    with pytest.raises(TemplatesRefused, match="version 2 is"):
        await announce(known, mine, instant(SECOND))
    with pytest.raises(TemplatesRefused, match="version 2 is"):
        await register(known, mine, instant(SECOND))
    assert await known.read() == TWO


async def test_a_version_that_comes_too_late_starts_no_process(known):
    """Commands of that time were decided by version 1."""
    with pytest.raises(TemplatesRefused, match="version 2 would be in force from 2026-06-01"):
        await announce(known, TWO, instant(SECOND))
    assert await known.read() == BUILT_IN_ONLY


async def test_before_the_first_command_any_file_will_do(known, database):
    assert await decided_until(database, "contracts.commands", NOW) is None
    await announce(known, TWO, None)
    assert await known.read() == TWO


async def test_after_the_first_command_a_version_needs_notice(database):
    at = NOW - timedelta(days=1)
    position = {"_id": "contracts.commands/0", "last": {"timestamp": int(at.timestamp() * 1000)}}
    await database.positions.insert_one(position)
    until = await decided_until(database, "contracts.commands", NOW)
    assert until is not None
    assert until > NOW, "the other processes must hear of it first"
    ahead = await decided_until(database, "contracts.commands", at - timedelta(days=7))
    assert ahead is not None
    assert ahead > at, "a broker's clock may be ahead"


async def test_what_is_not_in_force_yet_can_be_changed_and_removed(known):
    await announce(known, THREE, NOW)
    assert await register(known, OTHER_TWO, NOW) == [(3, "removed"), (2, "replaced")]
    assert await known.read() == OTHER_TWO
    assert await register(known, OTHER_TWO, NOW) == []
    assert await register(known, THREE, NOW) == [(2, "replaced"), (3, "made known")]
    assert await known.read() == THREE


@pytest.mark.parametrize("mine", [BUILT_IN_ONLY, OTHER_TWO, THREE])
async def test_a_process_with_another_file_ends_before_it_matters(known, mine):
    """BUILT_IN_ONLY lacks version 2; THREE has a third one that was removed elsewhere."""
    await announce(known, TWO, NOW)
    matters = instant(THIRD if mine is THREE else SECOND)
    early = asyncio.create_task(watch(known, mine, seconds=0.01, clock=lambda: matters - timedelta(days=1)))
    _, waiting = await asyncio.wait({early}, timeout=0.5)
    assert waiting, "until then it works on"
    early.cancel()
    with pytest.raises(TemplatesRefused, match="is in force from"):
        async with asyncio.timeout(20):
            await watch(known, mine, seconds=0.01, clock=lambda: matters)


async def test_with_the_same_file_it_works_on(known):
    await announce(known, THREE, NOW)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await watch(known, THREE, seconds=0.01, clock=lambda: instant("2040-01-01"))


async def test_one_that_decides_nothing_compares_from_the_first_command_on(known, database):
    """A new installation may start its API first: what it registers later is then already in force."""
    settings = Settings(topic_prefix="t.")
    following = asyncio.create_task(follow(database, settings, seconds=0.01))
    await announce(known, TWO, None)
    _, waiting = await asyncio.wait({following}, timeout=0.5)
    assert waiting
    await database.positions.insert_one({"_id": "t.contracts.commands/0", "last": {"timestamp": 1}})
    with pytest.raises(TemplatesRefused, match="version 2 of the templates"):
        async with asyncio.timeout(20):
            await following
    assert await known.read() == TWO, "it registers nothing"


@pytest.mark.parametrize("content", ["{}", '{"version": 3}', 7])
async def test_a_damaged_document_is_named(known, database, content):
    await announce(known, TWO, NOW)
    await database.templates.update_one({"_id": 2}, {"$set": {"content": content}})
    with pytest.raises(ForeignDocument, match="templates 2"):
        await known.read()

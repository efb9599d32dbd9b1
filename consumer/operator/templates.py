"""One catalogue of templates for all processes: made known before it is in force, and compared since then.

A process that lacks a version would go on with the old prices, and nobody would notice. So a process whose
file would decide otherwise does not start, and one that runs already ends when the difference would matter.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import structlog

from consumer.domain.catalogue_changes import changed_versions, rewritten
from consumer.domain.dates import iso
from consumer.errors import StoreUnavailable, TemplatesRefused
from consumer.storage.inquiry import newest_record
from consumer.storage.known_templates import KnownTemplates
from schemas.topics import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.domain.catalogue import Catalogue, Version
    from consumer.settings import Settings

log = structlog.get_logger()

WATCH_SECONDS: Final = 30.0
"""Pause between two looks at what other processes know."""

NOTICE: Final = timedelta(seconds=120)
"""A version must be known this long before it is in force, so that each process has looked by then."""

_SAME_FILE: Final = "give all processes the same file of templates, and restart this one"


async def decided_until(database: Any, topic: str, now: datetime) -> datetime | None:
    """The time from which on a new version may be in force; None: nothing is decided yet, so at any time.

    Raises:
        StoreUnavailable, StoreDenied: MongoDB does not answer, or refuses access.
    """
    newest = await newest_record(database, topic)
    return None if newest is None else max(newest, now) + NOTICE


async def agree(database: Any, settings: Settings) -> None:
    """Before a process decides anything: its versions are known to the others, and rewrite nothing.

    Raises:
        TemplatesRefused: they do, or the file cannot be used.
        StoreUnavailable, StoreDenied: MongoDB does not answer, or refuses access.
    """
    until = await decided_until(database, settings.topic_prefix + COMMANDS, datetime.now(UTC))
    await announce(KnownTemplates(database), settings.catalogue, until)


async def keep_agreeing(database: Any, settings: Settings) -> None:
    """While a process works: as `watch`, which it calls."""
    await watch(KnownTemplates(database), settings.catalogue)


async def follow(database: Any, settings: Settings, *, seconds: float = WATCH_SECONDS) -> None:
    """For a process that decides nothing: as `watch`, from the first decided command on.

    Until then nothing is registered, or a new installation registers what is already in force.
    """
    topic = settings.topic_prefix + COMMANDS
    while True:
        if await _decided(database, topic):
            return await watch(KnownTemplates(database), settings.catalogue, seconds=seconds)
        await asyncio.sleep(seconds)


async def _decided(database: Any, topic: str) -> bool:
    try:
        return await newest_record(database, topic) is not None
    except StoreUnavailable:
        return False


async def announce(known: KnownTemplates, mine: Catalogue, until: datetime | None) -> None:
    """Makes the versions of this process known to the others.

    Args:
        known: what the processes of this database know.
        mine: the catalogue of this process.
        until: as `decided_until` returns it.

    Raises:
        TemplatesRefused: `mine` rewrites what was in force, or another process knows a version otherwise.
    """
    there = await known.read()
    if until is not None and (why := rewritten(there, mine, until)):
        raise TemplatesRefused(why)
    for version in mine.versions:
        had = there.named(version.number)
        if had is None:
            if not await known.add(version):
                return await announce(known, mine, until)
            log.info(
                "template version made known", version=version.number, effective_from=version.effective_from
            )
        elif had != version:
            raise TemplatesRefused(
                f"version {version.number} is known with other terms or another effective_from",
                hint="`contracts templates register` makes the file's known, as long as it is not in force",
            )
    return None


async def watch(
    known: KnownTemplates,
    mine: Catalogue,
    *,
    seconds: float = WATCH_SECONDS,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> None:
    """Compares again and again; says once what differs, and ends the process before it matters.

    Raises:
        TemplatesRefused: the others decide, or are about to decide, by other templates.
    """
    logged = None
    while True:
        try:
            found = changed_versions(mine, await known.read())
        except StoreUnavailable:
            found = []
        if found:
            at, number, _ = found[0]
            text = f"version {number} of the templates is another one in other processes, or not there"
            if at <= clock() + timedelta(seconds=seconds):
                raise TemplatesRefused(f"{text}, and is in force from {iso(at)}", hint=_SAME_FILE)
            if found[0] != logged:
                log.warning("templates differ", error=f"{text}; this process ends {iso(at)}", hint=_SAME_FILE)
                logged = found[0]
        await asyncio.sleep(seconds)


class Registered(NamedTuple):
    """What `register` did to a version."""

    number: int
    done: str


async def register(known: KnownTemplates, mine: Catalogue, until: datetime | None) -> list[Registered]:
    """Makes exactly the versions of a file known. What is not in force yet may change, or go.

    Raises:
        TemplatesRefused: it rewrites what was in force, or another process changes the versions now.
    """
    there = await known.read()
    if until is not None and (why := rewritten(there, mine, until)):
        raise TemplatesRefused(why)
    numbers = sorted({each.number for each in (*there.versions, *mine.versions)})
    changes = [(number, there.named(number), mine.named(number)) for number in numbers]
    # Removed or moved to later from the last one on, the others from the first one on: then there is no gap,
    # and the times are in order, after each write. Processes that read the versions meanwhile require it.
    last_first = [change for change in reversed(changes) if _goes_or_comes_later(change[1], change[2])]
    done = []
    for number, was, version in (*last_first, *(change for change in changes if change not in last_first)):
        if was != version:
            done.append(Registered(number, await _put(known, was, version)))
    return done


def _goes_or_comes_later(was: Version | None, version: Version | None) -> bool:
    return version is None or (was is not None and version.effective_from > was.effective_from)


async def _put(known: KnownTemplates, was: Version | None, version: Version | None) -> str:
    if was is not None:
        changed = await known.replace(was, version)
    else:
        changed = version is None or await known.add(version)
    if not changed:
        raise TemplatesRefused("another process changes the known versions at this moment", hint="try again")
    return "removed" if version is None else "made known" if was is None else "replaced"

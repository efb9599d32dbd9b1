"""What `contracts doctor` concludes from the answers of the servers. Pure functions; doctor.py asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from consumer.domain.catalogue_changes import changed_versions, rewritten
from consumer.domain.dates import iso
from consumer.kafka.inquiry import READ, WRITE
from consumer.kafka.topic_plan import differences, uneven
from schemas.topics import COMMANDS, POSITIONS, TOPICS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from consumer.domain.catalogue import Catalogue
    from consumer.kafka.topic_plan import Topic
    from consumer.operator.position_table import Row

SKEW: Final = timedelta(seconds=2)
"""Tolerated difference between clocks: what is due is applied earlier or later by this difference."""

UNLISTED_HINT: Final = (
    "a missing topic has no rights yet; for others, the log of the running service shows what fails"
)


class State(StrEnum):
    """The state of a check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: what was found, and what to do about it."""

    check: str
    state: State
    found: str
    hint: str = ""


def of_topics(check: str, planned: Collection[Topic], found: Mapping[str, Topic], prefix: str) -> Finding:
    """Whether all topics exist, with suitable partitions and settings."""
    missing = [topic.name for topic in planned if topic.name not in found]
    there = [topic for topic in planned if topic.name in found]
    different = [row for topic in there for row in differences(topic, found[topic.name])]
    wrong = [f"missing: {', '.join(missing)}"] if missing else []
    if why := uneven(found, prefix):
        wrong.append(why)
    wrong += [str(row) for row in different if row.fatal]
    if wrong:
        hint = "`contracts topics ensure` creates missing topics and shows each difference"
        return Finding(check, State.FAILED, "; ".join(wrong), hint)
    doubtful = [str(row) for row in different]
    if unseen := [topic.name for topic in there if not found[topic.name].settings]:
        doubtful.append(f"no right to see the settings of {', '.join(unseen)}")
    if doubtful:
        hint = "change these settings unless they are intended; DescribeConfigs is the right to see them"
        return Finding(check, State.WARNING, "; ".join(doubtful), hint)
    counts = sorted({topic.partitions for topic in found.values()})
    listed = " or ".join(map(str, counts))
    return Finding(check, State.OK, f"{len(found)} topics of {listed} partitions, the journal compacted")


def of_indexes(check: str, missing: Collection[str], *, empty: bool) -> Finding:
    """Whether collections, indexes and the validator exist."""
    if empty:
        hint = "is CONTRACTS_MONGO_DATABASE right? The service creates the collections when it starts"
        return Finding(check, State.WARNING, "the database has no collections", hint)
    if missing:
        hint = "drop an index that has other options, then run `contracts indexes ensure`"
        return Finding(check, State.FAILED, "; ".join(missing), hint)
    return Finding(check, State.OK, "collections, indexes and validator are there")


def of_templates(
    check: str, known: Catalogue, mine: Catalogue, now: datetime, decided_until: datetime | None
) -> Finding:
    """Whether a process with this file of templates decides as the others do."""
    hint = "`contracts templates check` compares the file with what the service knows"
    if decided_until is not None and (why := rewritten(known, mine, decided_until)):
        return Finding(check, State.FAILED, why, hint)
    if different := changed_versions(known, mine):
        listed = "; ".join(f"version {each.number}, from {iso(each.at)}, {each.text}" for each in different)
        return Finding(check, State.WARNING, f"other than what the service knows: {listed}", hint)
    current = mine.in_force(now).number
    return Finding(check, State.OK, f"version {current} of {len(mine.versions)} is in force; all are known")


def of_rights(check: str, missing: Collection[str], unlisted: Collection[str], hint: str) -> Finding:
    """Whether the service has the rights that it needs. `unlisted`: rights that the server does not list."""
    if missing:
        return Finding(check, State.FAILED, f"missing: {', '.join(missing)}", hint)
    if unlisted:
        return Finding(check, State.WARNING, f"the server does not say: {', '.join(unlisted)}", UNLISTED_HINT)
    return Finding(check, State.OK, "all that the service needs")


def of_clock(check: str, ahead: timedelta, took: timedelta) -> Finding:
    """Whether a server's clock agrees with this machine's, within the time of the round trip."""
    seconds, doubt = ahead.total_seconds(), took.total_seconds() / 2
    found = f"{abs(seconds):.1f} s {'ahead of' if seconds >= 0 else 'behind'} this machine (± {doubt:.1f} s)"
    if abs(ahead) - took / 2 > SKEW:
        return Finding(
            check, State.WARNING, found, "synchronize the clocks with NTP: the clock decides what is due"
        )
    return Finding(check, State.OK, found)


def of_broker_clock(check: str, newest: datetime | None, now: datetime) -> Finding:
    """Whether the brokers' clock is ahead, from the timestamp of the newest record that was applied."""
    if newest is None:
        return Finding(check, State.NOT_CHECKED, "not known: no command was applied yet")
    ahead = newest - now
    if ahead > SKEW:
        found = f"at least {ahead.total_seconds():.1f} s ahead of this machine"
        return Finding(
            check,
            State.WARNING,
            found,
            "synchronize the clocks with NTP: the time of a command is the broker's time",
        )
    applied = f"the newest applied command is from {newest:%Y-%m-%dT%H:%M:%SZ}"
    found = f"not ahead: {applied}; a clock that is behind cannot be detected without writing"
    return Finding(check, State.OK, found)


def of_partitions(check: str, rows: Collection[Row]) -> Finding:
    """Whether a partition is stopped."""
    if stopped := [row for row in rows if row.problem]:
        found = "; ".join(str(row.problem) for row in stopped)
        decide = "`contracts positions show` names the decision for each"
        return Finding(
            check, State.FAILED, found, "; ".join(sorted({row.remedy or decide for row in stopped}))
        )
    waiting = sum(row.lag() or 0 for row in rows)
    return Finding(
        check, State.OK, f"{len(rows)} partitions, none stopped; {waiting} offsets not applied yet"
    )


def topic_needs(prefix: str) -> dict[str, tuple[str, ...]]:
    """The rights on topics that docs/security.md lists, by the topic's name."""
    return {prefix + name: (READ, WRITE) if name in {COMMANDS, POSITIONS} else (WRITE,) for name in TOPICS}

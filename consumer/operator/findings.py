"""What `contracts doctor` makes of what it was told. Pure: doctor.py asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from consumer.kafka.inquiry import READ, WRITE
from consumer.kafka.topic_plan import differences, uneven
from schemas.topics import COMMANDS, POSITIONS, TOPICS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from consumer.kafka.topic_plan import Topic
    from consumer.operator.position_table import Row

SKEW: Final = timedelta(seconds=2)
"""By so much clocks may differ: what is due comes that much too early or too late."""

UNTOLD_HINT: Final = (
    "topics that are missing have none yet; for others the service at work shows what it lacks"
)


class State(StrEnum):
    """What became of a check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was found, and what to do about it."""

    check: str
    state: State
    found: str
    hint: str = ""


def of_topics(check: str, planned: Collection[Topic], found: Mapping[str, Topic], prefix: str) -> Finding:
    """Whether all topics are there, with partitions and settings that fit."""
    missing = [topic.name for topic in planned if topic.name not in found]
    there = [topic for topic in planned if topic.name in found]
    different = [row for topic in there for row in differences(topic, found[topic.name])]
    wrong = [f"missing: {', '.join(missing)}"] if missing else []
    if why := uneven(found, prefix):
        wrong.append(why)
    wrong += [str(row) for row in different if row.fatal]
    if wrong:
        hint = "`contracts topics ensure` makes what is missing, and shows each difference"
        return Finding(check, State.FAILED, "; ".join(wrong), hint)
    doubtful = [str(row) for row in different]
    if unseen := [topic.name for topic in there if not found[topic.name].settings]:
        doubtful.append(f"no right to see the settings of {', '.join(unseen)}")
    if doubtful:
        hint = "change the topics' settings where this is not meant; DescribeConfigs lets them be seen"
        return Finding(check, State.WARNING, "; ".join(doubtful), hint)
    counts = sorted({topic.partitions for topic in found.values()})
    listed = " or ".join(map(str, counts))
    return Finding(check, State.OK, f"{len(found)} topics of {listed} partitions, the journal compacted")


def of_indexes(check: str, missing: Collection[str], *, empty: bool) -> Finding:
    """Whether collections, indexes and the validator are there."""
    if empty:
        hint = "is CONTRACTS_MONGO_DATABASE right? The service makes them when it starts"
        return Finding(check, State.WARNING, "the database has no collections", hint)
    if missing:
        hint = "`contracts indexes ensure` makes what is missing; drop an index that has other options first"
        return Finding(check, State.FAILED, "; ".join(missing), hint)
    return Finding(check, State.OK, "collections, indexes and validator are there")


def of_rights(check: str, missing: Collection[str], untold: Collection[str], hint: str) -> Finding:
    """Whether we may do what the service does. `untold`: what the server does not say."""
    if missing:
        return Finding(check, State.FAILED, f"missing: {', '.join(missing)}", hint)
    if untold:
        return Finding(check, State.WARNING, f"the server does not tell: {', '.join(untold)}", UNTOLD_HINT)
    return Finding(check, State.OK, "all that the service needs")


def of_clock(check: str, ahead: timedelta, took: timedelta) -> Finding:
    """Whether a server's clock and this machine's agree, as far as the way there lets it be known."""
    seconds, doubt = ahead.total_seconds(), took.total_seconds() / 2
    found = f"{abs(seconds):.1f} s {'ahead of' if seconds >= 0 else 'behind'} this machine (± {doubt:.1f} s)"
    if abs(ahead) - took / 2 > SKEW:
        return Finding(check, State.WARNING, found, "set the clocks by NTP: what is due goes by them")
    return Finding(check, State.OK, found)


def of_broker_clock(check: str, newest: datetime | None, now: datetime) -> Finding:
    """What the newest record that was applied tells of the brokers' clock: only whether it is ahead."""
    if newest is None:
        return Finding(check, State.NOT_CHECKED, "no command was applied yet, so no broker has told its time")
    ahead = newest - now
    if ahead > SKEW:
        found = f"at least {ahead.total_seconds():.1f} s ahead of this machine"
        return Finding(
            check, State.WARNING, found, "set the clocks by NTP: contracts go by the brokers' time"
        )
    told = f"the newest command that was applied is of {newest:%Y-%m-%dT%H:%M:%SZ}"
    found = f"not ahead: {told}; whether it is behind, only writing would tell"
    return Finding(check, State.OK, found)


def of_partitions(check: str, rows: Collection[Row]) -> Finding:
    """Whether a partition is stopped."""
    if stopped := [row for row in rows if row.problem]:
        found = "; ".join(str(row.problem) for row in stopped)
        return Finding(check, State.FAILED, found, "`contracts positions show` names the decision for each")
    waiting = sum(max(0, row.log_end - (row.position or row.log_start)) for row in rows)
    return Finding(
        check, State.OK, f"{len(rows)} partitions, none stopped; {waiting} offsets not applied yet"
    )


def topic_needs(prefix: str) -> dict[str, tuple[str, ...]]:
    """The rights on topics that docs/security.md lists, by the topic's name."""
    return {prefix + name: (READ, WRITE) if name in {COMMANDS, POSITIONS} else (WRITE,) for name in TOPICS}

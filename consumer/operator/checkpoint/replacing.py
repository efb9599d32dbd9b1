"""Which checkpoint may replace another one: only a later one of the same service."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from consumer.errors import InputRefused
from consumer.operator.checkpoint.manifest import NAME, read_manifest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from consumer.storage.protocols import Origin, Position


def origin_of(positions: Mapping[int, Position]) -> Origin:
    """The log that all partitions are applied from.

    Raises:
        InputRefused: a partition has no position, or one of another log or number of partitions.
    """
    origins = {position.origin for position in positions.values()}
    if len(origins) != 1:
        raise InputRefused(
            "the positions are of several logs: "
            + "; ".join(sorted(f"cluster {one.cluster}, group {one.group}" for one in origins)),
            hint="`contracts positions show` names the decision that is needed first",
        )
    (origin,) = origins
    if positions.keys() != {*range(origin.partitions)}:
        missing = sorted({*range(origin.partitions)} - positions.keys())
        raise InputRefused(
            f"the topic has {origin.partitions} partitions, and the database {len(positions)} positions"
            + (f": partition {missing[0]} has none" if missing else ""),
            hint="start the service: it stores the position of each partition that it begins",
        )
    return origin


def refuse_worse(folder: Path, topic: str, positions: Mapping[int, Position]) -> None:
    """The checkpoint in the folder may be all that is left of a lost database.

    Raises:
        InputRefused: it is of another service, or later.
        CheckpointDamaged: its manifest cannot be read.
    """
    if not (folder / NAME).exists():
        return
    origin = origin_of(positions)
    there = read_manifest(folder)
    before, now = (
        {"topic": name} | asdict(of) for name, of in ((there.topic, there.origin), (topic, origin))
    )
    if other := [name for name, value in before.items() if value != now[name]]:
        listed = ", ".join(f"{name} {before[name]}, not {now[name]}" for name in other)
        raise _refused(f"the checkpoint in {folder} is of another service: {listed}")
    for number, position in sorted(positions.items()):
        kept = there.positions[number]
        if (position.generation, position.next) < (kept.generation, kept.next):
            raise _refused(
                f"the checkpoint in {folder} is later: partition {number} is at {position.next:,} in the "
                f"database, and at {kept.next:,} in the checkpoint"
            )


def _refused(why: str) -> InputRefused:
    return InputRefused(why, hint="name another folder with --to; --force replaces the checkpoint")

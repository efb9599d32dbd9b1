"""Up to which offsets the command log may be cut, because a checkpoint holds what it led to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from consumer.errors import InputRefused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from consumer.operator.checkpoint.manifest import Manifest
    from consumer.operator.position_table import Row
    from consumer.storage.protocols import Position


class Cut(NamedTuple):
    """Records before `offset` may be deleted."""

    topic: str
    partition: int
    offset: int


def cuts(manifest: Manifest, rows: Sequence[Row], stored: Mapping[str, Position]) -> list[Cut]:
    """The positions of the checkpoint, if the service needs nothing before them.

    Args:
        manifest: of a checkpoint without damage.
        rows: the partitions as an operator sees them.
        stored: their positions by name.

    Raises:
        InputRefused: the service, or a restore of this checkpoint, still needs those records.
    """
    if len(rows) != len(manifest.positions):
        raise InputRefused(
            f"the checkpoint has {len(manifest.positions)} partitions, and the topic {len(rows)}"
        )
    for row in rows:
        kept = manifest.positions[row.partition]
        present = stored.get(kept.partition)
        if row.problem:
            raise InputRefused(f"partition {row.partition} has a problem and may need its log: {row.problem}")
        if present is None or (present.origin, present.generation) != (kept.origin, kept.generation):
            raise InputRefused(f"the checkpoint is not of the log that {kept.partition} is applied from")
        if min(present.next, row.published or 0) < kept.next:
            raise InputRefused(
                f"partition {row.partition} is not applied and published up to the checkpoint's {kept.next}"
            )
        if (start := row.log().start) > kept.next:
            raise InputRefused(
                f"partition {row.partition} begins at {start}, after the checkpoint",
                hint="`contracts checkpoint create` writes a newer one",
            )
    return [Cut(manifest.topic, number, kept.next) for number, kept in sorted(manifest.positions.items())]

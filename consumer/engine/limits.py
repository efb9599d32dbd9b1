"""The limits of a worker's memory, of what one batch of a partition holds, and of its dead letters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from consumer.settings import Settings


WAITING_BYTES: Final = 64 << 20
"""Of all waiting records of a worker, as fetched; each partition has an equal share, and at least one record.
Decoded ones take two to three times as much."""

UNPUBLISHED_BYTES: Final = 64 << 20
"""Of all stored outputs of a worker: beyond it, no batch begins until some are published."""

BATCH_SHARES: Final = 4
"""Maximum size of the outputs of a batch, as a multiple of the limit for one partition. At least one command
of each partition is applied."""


class Limits(NamedTuple):
    """Sizes of a batch, and when the dead letters are too many."""

    batch_commands: int = 1_000
    batch_output_bytes: int = 4 << 20
    """Of one partition: two such batches stay in its position's document, which may have 16 MiB."""
    dead_letter_share: float = 0.5
    dead_letter_count: int = 100
    dead_letter_window: int = 1_000
    dead_letter_limit_off: bool = False


def limits_of(settings: Settings) -> Limits:
    """As the settings say."""
    return Limits(
        batch_commands=settings.max_batch_commands,
        batch_output_bytes=settings.max_batch_bytes,
        dead_letter_share=settings.dead_letter_limit_share,
        dead_letter_count=settings.dead_letter_limit_count,
        dead_letter_window=settings.dead_letter_limit_window,
        dead_letter_limit_off=settings.dead_letter_limit_off,
    )

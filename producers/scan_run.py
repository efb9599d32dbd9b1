"""One run of the scanner: what it has found and sent, and what there is room for."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    from datetime import datetime

    from producers.backlog import Standing
    from producers.messages import CommandMessage

    Addressed = list[tuple[int, CommandMessage]]
    """Commands with their partitions."""
    Standings = dict[int, Standing]

log = structlog.get_logger()

PROGRESS_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What one run did. Not `active`: another scanner holds the lease, and nothing was read.

    `due` contracts were found; `held` of them were left for a later run, because the commands before
    them have not been applied yet.
    """

    active: bool
    due: int
    published: int
    held: int
    seconds: float


class ScanRun:
    """One run's bookkeeping. `sent_before` are the last offsets of the runs before, by partition."""

    def __init__(self, now: datetime, sent_before: dict[int, int]) -> None:
        self.now = now
        self.due = 0
        self.published = 0
        self.held = 0
        self.stuck: set[int] = set()
        self._sent_before = sent_before
        self._began = monotonic()
        self._told = self._began

    def split(
        self, todo: Addressed, standings: Standings, limit: int
    ) -> tuple[list[CommandMessage], Addressed]:
        """The commands that their partitions have room for, and those that wait; drops what is stuck."""
        room = {partition: self._room(partition, each, limit) for partition, each in standings.items()}
        fits: list[CommandMessage] = []
        waiting: Addressed = []
        for partition, message in todo:
            if partition in self.stuck:
                self.held += 1
            elif room[partition] > 0:
                room[partition] -= 1
                fits.append(message)
            else:
                waiting.append((partition, message))
        return fits, waiting

    def _room(self, partition: int, standing: Standing, limit: int) -> int:
        """None until what the run before sent is applied: or the same would be sent again and again.

        What lies beyond the log's end was sent to a topic that has been created again since.
        """
        if standing.applied <= self._sent_before.get(partition, -1) < standing.end:
            return 0
        return limit - standing.waiting

    def tell_progress(self) -> None:
        """A line in the log now and then."""
        if monotonic() - self._told > PROGRESS_SECONDS:
            self._told = monotonic()
            log.info("scanning", due=self.due, published=self.published, held=self.held)

    def result(self) -> ScanResult:
        """What the run did."""
        seconds = monotonic() - self._began
        return ScanResult(
            active=True, due=self.due, published=self.published, held=self.held, seconds=seconds
        )

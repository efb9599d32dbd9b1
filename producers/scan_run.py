"""One run of the scanner: what it found and sent, and how much it may still send."""

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
    """The outcome of one run. Not `active`: another scanner holds the lease, and nothing was read.

    `due`: number of contracts found. `held`: number left for a later run, because too many commands wait in
    their partitions.
    """

    active: bool
    due: int
    published: int
    held: int
    seconds: float


class ScanRun:
    """Counts for one run. `sent_before`: the last offsets that earlier runs sent, by partition."""

    def __init__(self, now: datetime, sent_before: dict[int, int]) -> None:
        self.now = now
        self.due = 0
        self.published = 0
        self.held = 0
        self.stuck: set[int] = set()
        self._sent_before = sent_before
        self._began = monotonic()
        self._logged_at = self._began

    def split(
        self, todo: Addressed, standings: Standings, limit: int
    ) -> tuple[list[CommandMessage], Addressed]:
        """The commands to send now, and those that must wait. Drops those for partitions without progress."""
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
        """How many commands a partition has room for.

        There is no room until the commands of the previous run are applied: otherwise the same commands
        would be sent repeatedly. Offsets beyond the end of the log are ignored: the topic was created again
        since
            then.
        """
        if standing.applied <= self._sent_before.get(partition, -1) < standing.end:
            return 0
        return limit - standing.waiting

    def log_progress(self) -> None:
        """Logs progress, with a minimum time between two lines."""
        if monotonic() - self._logged_at > PROGRESS_SECONDS:
            self._logged_at = monotonic()
            log.info("scanning", due=self.due, published=self.published, held=self.held)

    def result(self) -> ScanResult:
        """The outcome of the run."""
        seconds = monotonic() - self._began
        return ScanResult(
            active=True, due=self.due, published=self.published, held=self.held, seconds=seconds
        )

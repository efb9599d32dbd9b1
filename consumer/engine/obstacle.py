"""Why a partition cannot be read or taken over, and since when: for the log, readiness and metrics."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog

from consumer.errors import ForeignTransaction

if TYPE_CHECKING:
    from consumer.errors import ContractsError
    from consumer.kafka.fetcher import Fetched
    from consumer.telemetry.metrics import Metrics

log = structlog.get_logger()

STALL_SECONDS: Final = 30.0
"""How long an open transaction may hide commands before the partition counts as standing still. Producers
usually commit within a second; Kafka ends what was forgotten after the producer's timeout, mostly 60 s."""

AGAIN_SECONDS: Final = 1.0
"""Pause between two tries to read a partition that could not be read."""

LEFT_OUT_PAUSES: Final = (0.0, 0.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds until a takeover tries a partition again: after the first that left it out, the second in a row,
and so on. Each takeover interrupts the other partitions."""


_UNREAD: Final = "partition cannot be read"
_LEFT_OUT: Final = "partition left out"


class LeftOut(NamedTuple):
    """How many takeovers in a row left a partition out, and the time before which none is begun for it."""

    times: int
    until: float


class Obstacle:
    """The obstacle of one partition. `now` is always in seconds of the event loop's clock."""

    def __init__(self, number: int, metrics: Metrics) -> None:
        self.error: ContractsError | None = None
        """Why the partition cannot be read or taken over; None: nothing is in the way."""
        self.ask_from = 0.0
        """The time before which a fetch is useless."""
        self.left_out: LeftOut | None = None
        """Set when the partition could not even be taken over: it waits until the worker can do that."""
        self._number = number
        self._metrics = metrics
        self._since = 0.0
        self._logged = ""
        self._hidden_from = -1
        self._hidden_since: float | None = None

    def seconds(self, now: float) -> float:
        """How long the partition could not be read, in seconds."""
        return 0.0 if self.error is None else now - self._since

    def hidden_seconds(self, now: float) -> float:
        """How long the same open transaction has hidden commands, in seconds."""
        return 0.0 if self._hidden_since is None else now - self._hidden_since

    def refused(self, error: ContractsError, now: float) -> None:
        """The partition could not be read: the next try is after a pause."""
        self.ask_from = now + AGAIN_SECONDS
        self._stands(_UNREAD, error, now, now)

    def leave_out(self, error: ContractsError, now: float) -> None:
        """A takeover had to leave the partition out."""
        times = self.left_out.times if self.left_out else 0
        self.left_out = LeftOut(times + 1, now + LEFT_OUT_PAUSES[min(times, len(LEFT_OUT_PAUSES) - 1)])
        self._stands(_LEFT_OUT, error, now, now)

    def stays_left_out(self, error: ContractsError, now: float) -> None:
        """The partition was left out, and a takeover would leave it out again."""
        self._stands(_LEFT_OUT, error, now, now)

    def answered(self, topic_partition: tuple[str, int], fetched: Fetched, now: float) -> None:
        """The broker has answered. A partition that was left out since then is not fetched any more."""
        if self.left_out:
            return
        if fetched.next < fetched.stable or fetched.stable >= fetched.end:
            self._hidden_since = None
        elif self._hidden_since is None or self._hidden_from != fetched.stable:
            self._hidden_from, self._hidden_since = fetched.stable, now
        if self._hidden_since is None or self.hidden_seconds(now) < STALL_SECONDS:
            self.gone(now)
        else:
            error = ForeignTransaction(*topic_partition, fetched.stable)
            self._stands(_UNREAD, error, now, self._hidden_since)

    def _stands(self, event: str, error: ContractsError, now: float, since: float) -> None:
        is_new = type(error) is not type(self.error)
        if is_new:
            self._since = since
        if is_new or event != self._logged:
            self._logged = event
            began = datetime.now(UTC) - timedelta(seconds=now - self._since)
            log.warning(
                event,
                partition=self._number,
                error=str(error),
                hint=error.hint,
                since=began.isoformat(timespec="seconds"),
            )
        self.error = error
        self._metrics.partitions.unread(self._number, type(error).__name__, now - self._since)

    def gone(self, now: float) -> None:
        """The partition can be read, or was taken over."""
        left_out, self.left_out = self.left_out, None
        if self.error is None:
            return
        if left_out is None:  # else the takeover is logged
            seconds = round(self.seconds(now))
            log.info("partition can be read again", partition=self._number, after_seconds=seconds)
        self.error = None
        self._metrics.partitions.read(self._number)

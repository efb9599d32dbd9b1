"""One partition as its worker sees it: what waits, where it stands, and how far it is published."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog

from consumer.engine.apply import SLICE, Share, accounts
from consumer.engine.intake import Intake
from consumer.engine.obstacle import Obstacle
from consumer.engine.records import Undecodable
from consumer.errors import DeadLetterLimit
from consumer.kafka.recordbatches import BatchWriter
from consumer.storage.protocols import OUTBOX_SLOTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from consumer.engine.apply import Applied
    from consumer.engine.cache import ContractCache
    from consumer.engine.decoder import Decoder
    from consumer.engine.encoder import Encoder
    from consumer.engine.records import Decoded
    from consumer.engine.takeover import Resumed
    from consumer.errors import ContractsError
    from consumer.kafka.fetcher import Bounds, Fetched
    from consumer.storage.protocols import Position
    from consumer.telemetry.metrics import Metrics

log = structlog.get_logger()

FIRST_BATCH: Final = 250
"""Commands in the first batch after a takeover; each success doubles it up to the limit. A database that has
just come up, or whose empty collections are being filled, answers large batches so slowly that they could
time out again and again."""


class Limits(NamedTuple):
    """Sizes of a batch, and when the dead letters are too many."""

    batch_commands: int = 1_000
    batch_output_bytes: int = 4 << 20
    """Of one partition: two such batches stay in its position's document, which may have 16 MiB."""
    dead_letter_share: float = 0.5
    dead_letter_count: int = 100
    dead_letter_window: int = 1_000
    dead_letter_limit_off: bool = False


class Lag(NamedTuple):
    """What waits in a partition; `seconds` is the age of its oldest command."""

    records: int
    seconds: float


class Partition:
    """One of a worker's partitions.

    Args:
        number: of the partition.
        encoder: writes its outputs.
        cache: its contracts.
        make_decoder: makes the decoder, given what to add to offsets.
        compression: of the outputs.
    """

    def __init__(
        self,
        number: int,
        *,
        encoder: Encoder,
        cache: ContractCache,
        make_decoder: Callable[[int], Decoder],
        limits: Limits,
        compression: str,
        metrics: Metrics,
    ) -> None:
        self.number = number
        self.intake = Intake(make_decoder(0), 0)
        self.error: ContractsError | None = None
        """Why the partition is stopped; None while it works."""
        self.busy = False
        """Whether a batch of it is being stored."""
        self.obstacle = Obstacle(number, metrics)
        self.lag = Lag(0, 0.0)
        self.unpublished = 0
        self._encoder = encoder
        self._cache = cache
        self._make_decoder = make_decoder
        self._limits = limits
        self._compression = compression
        self._metrics = metrics
        self._batch_limit = limits.batch_commands
        self._recent_dead: deque[bool] = deque(maxlen=limits.dead_letter_window)
        self._isolated_until = 0
        self._slot = 0
        self._publish_from = 0
        self.position: Position
        """Where the last stored batch ends; there is none before the first takeover."""
        self.taken_over = False

    def go_on_from(self, resumed: Resumed) -> None:
        """Starts from this position. What was cached or waiting may not be committed, so it is dropped."""
        self.position, self._publish_from = resumed
        self._cache.clear()
        self.intake = Intake(self._make_decoder(self.position.base()), self.position.next)
        self.taken_over = True
        self.busy = False
        self._isolated_until = 0
        self.unpublished = 0
        self._batch_limit = min(self._batch_limit, FIRST_BATCH)

    def take_in(self, fetched: Fetched, now: float) -> bool:
        """Appends what was fetched; False: it was asked for in an earlier life."""
        if not self.intake.add(fetched):
            return False
        self.obstacle.answered(self.position.place, fetched, now)
        oldest, age = self.intake.oldest, self.obstacle.hidden_seconds(now)
        if oldest is not None:
            age = max(0.0, datetime.now(UTC).timestamp() - oldest / 1000)
        # Up to the end, not only to what is committed: after the start of an open transaction nothing can be
        # read.
        self.lag = Lag(self.intake.waiting + max(0, fetched.end - fetched.next), age)
        return True

    def looked_at(self, bounds: Bounds) -> None:
        """What waits, where nothing is fetched; before the first takeover all of the log does."""
        reached = self.position.next if self.taken_over else bounds.start
        behind = max(0, bounds.end - reached)
        self.lag = Lag(behind, self._metrics.partitions.lag(self.number, behind, None))

    def stop(self, error: ContractsError) -> None:
        """Stops the partition until this process is restarted. The worker stays in the group."""
        self.error = error
        self._metrics.partitions.stopped(self.number, type(error).__name__)
        log.error("partition stopped", partition=self.number, error=str(error), hint=error.hint)

    @property
    def alone(self) -> bool:
        """Whether its next batch must not be mixed with others': something in it is refused."""
        return self.position.next < self._isolated_until

    @property
    def replaying(self) -> bool:
        """Whether what comes next was published before the database went back."""
        return self.position.next < self._publish_from

    @property
    def committed(self) -> int:
        """The offset up to which outputs are published, once nothing stored waits for it."""
        return max(self.position.next, self._publish_from)

    @property
    def drained(self) -> bool:
        """Whether all that was read is stored and published."""
        return not self.busy and self.intake.waiting == 0 and self.unpublished == 0

    @property
    def ready(self) -> bool:
        """Whether a batch can be made of what waits here."""
        return (
            self.error is None
            and not self.busy
            and self.intake.waiting > 0
            and self.unpublished < OUTBOX_SLOTS
        )

    async def share(self, most: int) -> Share:
        """The next commands, `most` at most, as this partition's part of a batch.

        Raises:
            DeadLetterLimit: the partition must stop.
        """
        replay_to = self._replay_to()
        limit = min(most, self._batch_limit)
        await self.intake.decode(limit, SLICE)
        records, after = self.intake.take(limit, replay_to)
        self._check_dead_letters(records)
        return Share(
            position=self.position,
            records=records,
            next=after,
            known=self._cache.known(accounts(records)),
            encoder=self._encoder,
            writer=None if replay_to is not None else BatchWriter(self._compression),
            slot=self._slot,
        )

    def stored(self, applied: Applied) -> None:
        """Takes note of a batch that is committed in the database."""
        self.position = applied.position
        self._cache.update(applied.fold.accounts.contracts)
        done = self.intake.done(applied.records)
        self._recent_dead.extend(isinstance(decoded, Undecodable) for decoded in done)
        if not self.alone:
            self._batch_limit = min(2 * self._batch_limit, self._limits.batch_commands)
        if applied.outputs is not None:
            self._slot = (self._slot + 1) % OUTBOX_SLOTS
            self.unpublished += 1

    def halve(self, records: int) -> None:
        """The next batch has at most half as many commands."""
        self._batch_limit = max(1, records // 2)

    def isolate(self, up_to: int) -> None:
        """Something before this offset is refused: no batch is mixed with others' until it is passed by."""
        self._isolated_until = max(self._isolated_until, up_to)

    def dead_letter(self, letter: Undecodable) -> None:
        """Replaces the first waiting record, which MongoDB refused even in a batch of its own."""
        self.intake.replace_first(letter)
        self._isolated_until = 0
        self._batch_limit = self._limits.batch_commands

    def again(self, share: Share) -> Share:
        """The same share once more, with nothing in its outputs yet."""
        return share._replace(writer=share.writer and BatchWriter(self._compression))

    def _replay_to(self) -> int | None:
        """How far the log was published before, while what lies before that is applied again."""
        return self._publish_from if self.replaying else None

    def _check_dead_letters(self, records: Sequence[Decoded]) -> None:
        """Stops before the batch with which the dead letters become too many: its producer must be wrong."""
        limits = self._limits
        if (
            self.replaying  # it was let pass then, and nothing is published
            or limits.dead_letter_limit_off
            or not any(isinstance(one, Undecodable) for one in records)
        ):
            return
        window, total = deque(self._recent_dead, limits.dead_letter_window), sum(self._recent_dead)
        for decoded in records:
            if len(window) == limits.dead_letter_window:
                total -= window[0]
            window.append(isinstance(decoded, Undecodable))
            total += window[-1]
            if total > limits.dead_letter_count and total > limits.dead_letter_share * len(window):
                raise DeadLetterLimit(*self.position.place, dead=total, window=len(window))

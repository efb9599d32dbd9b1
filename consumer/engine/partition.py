"""One partition of a worker: its waiting records, its position, and up to where it is published."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from consumer.engine.apply import SLICE, Share, accounts
from consumer.engine.batch_size import BatchSize
from consumer.engine.dead_letter_limit import RecentRecords
from consumer.engine.delay import Delay
from consumer.engine.intake import Intake
from consumer.engine.publication import Publication

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.engine.apply import AppliedShare
    from consumer.engine.cache import ContractCache
    from consumer.engine.decoder import Decoder
    from consumer.engine.encoder import Encoder
    from consumer.engine.limits import Limits
    from consumer.engine.records import Undecodable
    from consumer.engine.takeover import Resumed
    from consumer.errors import ContractsError
    from consumer.kafka.fetcher import Fetched
    from consumer.storage.protocols import Position
    from consumer.telemetry.metrics import Metrics

log = structlog.get_logger()


class Partition:
    """One of a worker's partitions.

    Args:
        encoder: encodes its outputs.
        cache: of its contracts.
        make_decoder: makes the decoder, given the base of sequence numbers.
    """

    def __init__(
        self,
        number: int,
        *,
        encoder: Encoder,
        cache: ContractCache,
        make_decoder: Callable[[int], Decoder],
        limits: Limits,
        metrics: Metrics,
    ) -> None:
        self.number = number
        self.intake = Intake(make_decoder(0), 0)
        self.error: ContractsError | None = None
        """Why the partition is stopped; None while it works."""
        self.busy = False
        """Whether one of its batches is being stored."""
        self.delay = Delay(number, metrics)
        self.batch_size = BatchSize(limits.batch_commands)
        self.publication = Publication()
        self._encoder = encoder
        self._cache = cache
        self._make_decoder = make_decoder
        self._metrics = metrics
        self._recent = RecentRecords(limits)
        self.position: Position
        """The position after the last stored batch; not set before the first takeover."""
        self.taken_over = False

    def go_on_from(self, resumed: Resumed) -> None:
        """Starts from this position.

        Cached contracts and waiting records are dropped: they may not be committed.
        """
        self.position, publish_from = resumed
        self.publication.begin(publish_from)
        self._cache.clear()
        self.intake = Intake(self._make_decoder(self.position.base()), self.position.next)
        self.taken_over = True
        self.busy = False
        self.batch_size.begin()

    def take_in(self, fetched: Fetched, now: float) -> bool:
        """Appends fetched records; False: they were requested before the last takeover."""
        if not self.intake.add(fetched):
            return False
        self.delay.answered(self.position.topic_partition, fetched, self.intake, now)
        return True

    def stop(self, error: ContractsError) -> None:
        """Stops the partition until this process is restarted. The worker stays in the group."""
        self.error = error
        self._metrics.partitions.stopped(self.number, type(error).__name__)
        log.error("partition stopped", partition=self.number, error=str(error), hint=error.hint)

    @property
    def working(self) -> bool:
        """Whether it is taken over, and not stopped."""
        return self.error is None and self.delay.obstacle.left_out is None

    @property
    def alone(self) -> bool:
        """Whether its next batch must contain only this partition: see BatchSize.isolate."""
        return self.batch_size.alone_at(self.position.next)

    @property
    def drained(self) -> bool:
        """Whether all fetched commands are stored and published."""
        return not self.busy and self.intake.waiting == 0 and self.publication.unpublished_batches == 0

    @property
    def ready(self) -> bool:
        """Whether there are waiting records for a batch."""
        blocked = self.busy or self.batch_size.waits
        return self.working and not blocked and self.intake.waiting > 0 and self.publication.room

    async def share(self, most: int) -> Share:
        """The next commands, at most `most`, as this partition's part of a batch.

        Raises:
            DeadLetterLimit: the partition must stop.
        """
        replay_to = self.publication.replay_to(self.position)
        limit = min(most, self.batch_size.commands)
        await self.intake.decode(limit, SLICE)
        records, after = self.intake.take(limit, replay_to)
        if replay_to is None:  # else it was let pass then, and nothing is published
            self._recent.check(self.position.topic_partition, records)
        return Share(
            position=self.position,
            records=records,
            next=after,
            known=self._cache.known(accounts(records)),
            encoder=self._encoder,
            writer=None if replay_to is not None else self._encoder.writer(),
            slot=self.publication.slot,
        )

    def stored(self, applied: AppliedShare) -> None:
        """Updates the partition after its batch was committed to the database."""
        self.position = applied.position
        self._cache.update(applied.fold.accounts.contracts)
        self._recent.add(self.intake.done(applied.records))
        if applied.outputs is not None:
            self.publication.stored()

    def dead_letter(self, letter: Undecodable) -> None:
        """Replaces the first waiting record, which MongoDB refused even alone in a batch."""
        self.intake.replace_first(letter)
        self.batch_size.found()

"""The steps of a worker between two takeovers; several run at the same time.

fetch -> [MongoDB transactions, several side by side: load, fold, write, move positions]
-> [one Kafka transaction at a time: outputs and progress of all that is stored by then]
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from consumer.engine.publish_queue import PublishQueue
from consumer.engine.schedule import FULL, Queue
from consumer.engine.tasks import Tasks
from consumer.storage.protocols import SESSIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from consumer.engine.partition import Partition
    from consumer.engine.publishing import Publishing
    from consumer.engine.reading import Reading
    from consumer.engine.storing import Stored, Storing

FETCH: Final = "fetch"
STORE: Final = "store"
PUBLISH: Final = "publish"
LOOK: Final = "look"

REST_SHARE: Final = 2.0
REST_SECONDS: Final = 0.02
"""How long commands are collected after a batch: this multiple of the time to store it, up to the limit
below."""

FETCH_PAUSE_SECONDS: Final = 0.01
"""Pause between two fetches under load: each costs the broker and the service half a millisecond."""

LOOK_SECONDS: Final = 2.0
"""How often partitions that are not fetched are looked at, in seconds."""

TURN_SECONDS: Final = 1.0
"""Maximum time between two turns of the loop, in seconds, for the health checks."""


class Pipeline:
    """Works on partitions after a takeover, until it is stopped or a step fails.

    Args:
        beat: called at every turn, so that a stuck loop is noticed.
        stopping: set when no new step may begin.
        look: looks at the partitions that are not fetched.
        succeeded: called when a step succeeds that may have failed before.
    """

    def __init__(
        self,
        partitions: Mapping[int, Partition],
        *,
        reading: Reading,
        storing: Storing,
        publishing: Publishing,
        batch_commands: int,
        beat: Callable[[], None],
        stopping: asyncio.Event,
        look: Callable[[], Coroutine[object, object, None]],
        succeeded: Callable[[], None],
    ) -> None:
        self._partitions = partitions
        self._reading = reading
        self._storing = storing
        self._publishing = publishing
        self._beat = beat
        self._stopping = stopping
        self._look = look
        self._succeeded = succeeded
        self._queue = Queue(partitions.values(), lanes=SESSIONS, most=batch_commands)
        self._publish_queue = PublishQueue()
        self._tasks = Tasks()
        self._rest_until = self._fetch_from = self._looked_at = 0.0

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def run(self) -> None:
        """Makes batches until it is stopped; then finishes and publishes the current ones."""
        self._publish_queue = PublishQueue()
        try:
            while True:
                self._beat()
                self._start_publishing()
                now = self._now()
                if not self._stopping.is_set():
                    self._start_batch(now)
                    self._start_fetch(now)
                    self._start_look(now)
                elif not self._tasks.any(STORE, PUBLISH) and not self._publish_queue.waiting:
                    return
                await self._tasks.wait(self._stopping, self._pause(now))
                self._tasks.finish()
        finally:
            await self._tasks.cancel()

    def _pause(self, now: float) -> float:
        """Waits until there is something to start that could not start at `now`.

        With a later time, something that could start in between would wait for the next turn.
        """
        moments = [self._rest_until] if self._queue.waiting else []
        if not self._tasks.any(FETCH):
            moments.append(self._fetch_from)
        return min([TURN_SECONDS, *(moment - now for moment in moments if moment > now)])

    def _start_batch(self, now: float) -> None:
        """Starts as many as the schedule wants; partitions that are started go to the end of the queue."""
        if now < self._rest_until and self._queue.waiting < FULL:
            return
        while not self._publish_queue.full and (lanes := self._tasks.free(STORE, SESSIONS)):
            chosen = self._queue.take(SESSIONS - len(lanes))
            if not chosen:
                return
            self._tasks.start(STORE, lanes[0], self._store(lanes[0], chosen))

    async def _store(self, lane: int, partitions: Sequence[Partition]) -> None:
        started = self._now()
        stored = await self._storing.store(lane, partitions)
        self._rest_until = self._now() + min((self._now() - started) * REST_SHARE, REST_SECONDS)
        self._publish_queue.add(stored)
        for partition in partitions:
            partition.busy = False
        if stored:
            self._succeeded()

    def _start_publishing(self) -> None:
        if self._publish_queue.waiting and not self._tasks.any(PUBLISH):
            self._tasks.start(PUBLISH, 0, self._publish(self._publish_queue.take()))

    async def _publish(self, stored: Sequence[Stored]) -> None:
        await self._publishing.publish(stored)
        self._publish_queue.published(stored)

    def _start_fetch(self, now: float) -> None:
        """Fetches at once if nothing is to do; else it waits a moment, and records collect at the broker."""
        if self._tasks.any(FETCH):
            return
        if now < self._fetch_from and (self._tasks.any(STORE) or self._queue.waiting):
            return
        if wanted := self._reading.wanted(now):
            self._tasks.start(FETCH, 0, self._fetch(*wanted))

    async def _fetch(self, positions: Mapping[int, int], wait_ms: int) -> None:
        await self._reading.fetch(positions, wait_ms)
        for partition, error in self._reading.hopeless():
            await self._storing.stop(partition, error)
        if self._reading.idle():
            self._succeeded()  # nothing waits that could fail again
        self._fetch_from = self._now() + FETCH_PAUSE_SECONDS

    def _start_look(self, now: float) -> None:
        """Looks at the partitions that are not fetched."""
        if now - self._looked_at < LOOK_SECONDS or self._tasks.any(LOOK):
            return
        self._looked_at = now
        self._tasks.start(LOOK, 0, self._look())

"""Bugs to plant into a worker: mistakes of a member of the group, one function for each."""

import asyncio
from typing import Any

from consumer.engine.publishing import Publishing
from consumer.engine.worker import Worker
from consumer.kafka.group_member import GroupMember
from consumer.kafka.membership import Membership


def does_not_poll() -> None:
    """It does not poll its group."""

    async def sleep(self: Any) -> None:
        await asyncio.Event().wait()

    GroupMember._poll = sleep  # type: ignore[method-assign]


def drops_on_revoke() -> None:
    """On a revocation what is stored is not published, and progress says that it is."""

    async def drop(self: Any, partitions: Any) -> None:
        await self._publisher.publish(self.progress(p.position for p in partitions if p.taken_over))

    stop = Worker.stop

    def forgetting(self: Any) -> None:
        self._pipeline._start_publishing = self._pipeline._publish_queue.waiting.clear
        stop(self)

    Worker.stop = forgetting  # type: ignore[method-assign]
    Publishing.release = drop  # type: ignore[method-assign]


def no_drain() -> None:
    """SIGTERM cuts off what is under way."""

    async def cut(self: Any) -> None:
        work, self._work = self._work, None
        if work is not None:
            work[1].cancel()
            await asyncio.wait({work[1]})

    Membership._drain = cut  # type: ignore[method-assign]

"""The number of commands that are in the log and not applied yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from consumer.kafka.bounds import look_up

if TYPE_CHECKING:
    from consumer.kafka.leaders import Leaders
    from consumer.storage.queries import Queries


class Standing(NamedTuple):
    """One partition of the command topic: the next offset to apply, and the end of the log."""

    applied: int
    end: int

    @property
    def waiting(self) -> int:
        """Offsets between the two: commands, and one marker for each transaction that forwarded commands."""
        return max(0, self.end - self.applied)


class Backlog:
    """Compares the positions in MongoDB with the ends of the log.

    The position is stored together with the contracts: all commands before it are applied, whatever the
    consumer group's offset in Kafka says.

    Args:
        leaders: of the commands' partitions.
        queries: queries on the database.
    """

    def __init__(self, leaders: Leaders, queries: Queries) -> None:
        self._leaders = leaders
        self._queries = queries

    async def start(self) -> None:
        """Connects.

        Raises:
            BrokerUnavailable, BrokerDenied: Kafka does not answer, or refuses access.
        """
        await self._leaders.connect()

    async def stop(self) -> None:
        """Disconnects."""
        await self._leaders.close()

    async def standings(self, partitions: int) -> dict[int, Standing]:
        """Position and end of the log for each partition.

        Raises:
            LogError, ServiceUnavailable: Kafka or MongoDB does not answer, or refuses access.
        """
        applied = await self._queries.applied(self._leaders.topic)
        await self._leaders.connect()  # perhaps no broker answered the last time
        bounds = await look_up(self._leaders, range(partitions))
        return {
            number: Standing(applied[number].next if number in applied else bound.start, bound.stable)
            for number, bound in bounds.items()
        }

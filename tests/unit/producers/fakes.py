"""Everything a scanner talks to, in memory: a log whose commands are applied when the test says so."""

from collections import Counter
from collections.abc import AsyncGenerator, Iterable
from datetime import UTC, datetime, timedelta

from consumer.errors import ServiceUnavailable
from consumer.storage.queries import Due
from producers.backlog import Standing
from producers.messages import CommandMessage, command_message
from producers.sending import Home, Sent

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class FakeLog:
    """A producer and a backlog in one. A partition in `applying` applies all it has at every look."""

    def __init__(self, partitions: int = 2) -> None:
        self.partitions = partitions
        self.sent: list[CommandMessage] = []
        self.ends: Counter[int] = Counter()
        self.applied: Counter[int] = Counter()
        self.applying: set[int] = set(range(partitions))
        self.looks = 0

    def message(self, name, account_id, data, *, command_id) -> CommandMessage:
        return command_message(name, account_id, data, source="/scanner", command_id=command_id, at=NOW)

    async def home(self, message: CommandMessage) -> Home:
        return Home(int(message.account_id[1:]) % self.partitions, self.partitions)

    async def publish_all(self, messages: Iterable[CommandMessage]) -> list[Sent]:
        sent = []
        for message in messages:
            partition = (await self.home(message)).partition
            offset = self.ends[partition]
            self.ends[partition] += 1
            self.sent.append(message)
            sent.append(Sent(message.command_id, message.account_id, "commands", partition, offset, 0))
        return sent

    async def standings(self, partitions: int) -> dict[int, Standing]:
        self.looks += 1
        found = {p: Standing(self.applied[p], self.ends[p]) for p in range(partitions)}
        for partition in self.applying:
            self.applied[partition] = self.ends[partition]
        return found

    @property
    def accounts(self) -> list[str]:
        return [message.account_id for message in self.sent]


class FakeQueries:
    """What is due, as MongoQueries tells it."""

    def __init__(self, count: int) -> None:
        self.rows = [Due(NOW - timedelta(hours=count - i), f"a{i}", f"contract-{i}") for i in range(count)]
        self.pages: list[int] = []

    async def due(self, now: datetime, size: int) -> AsyncGenerator[list[Due], None]:
        found = [row for row in self.rows if row.due_at <= now]
        for at in range(0, len(found), size):
            page = found[at : at + size]
            self.pages.append(len(page))
            yield page


class FakeLease:
    """Held as many times as `times` says, then lost."""

    def __init__(self, times: int = 1_000) -> None:
        self.times = times
        self.released = False

    async def hold(self) -> bool:
        self.times -= 1
        return self.times >= 0

    async def release(self) -> None:
        self.released = True


class FakePruner:
    """Pruning always fails."""

    async def run_once(self) -> int:
        raise ServiceUnavailable("pruning takes too long")


class FakeGauge:
    """Counting always fails."""

    async def refresh(self) -> None:
        raise ServiceUnavailable("counting takes too long")

"""One process of the service, as the faults need it: it can stop itself at a point, and have a bug planted.

FAULTS_STOP_AT=in-transaction:3:KILL   at the third passage of the point it sends itself the signal
FAULTS_PLANTED=skip_kill_sessions      the bug of that name is planted (see planted.py)
FAULTS_CLOCK=FILE                      its time of day is that of the test (see clock.py)
FAULTS_COMMAND=run                     with the scanner
FAULTS_PATIENCE=2                      seconds until what cannot be read counts as standing still

Then it is `contracts consume`. The product has no hooks for this: they are put on from outside.
"""

import functools
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from consumer.cli import main as cli
from consumer.engine import obstacle, reading
from consumer.kafka.journal import Journal
from consumer.kafka.publisher import Publisher
from consumer.kafka.transactions import Transactions
from consumer.storage import mongo
from schemas.topics import POSITIONS
from tests.system.faults import clock
from tests.system.faults.planted import PLANTED


class Point(NamedTuple):
    """A coroutine `name` of `owner`, at which a worker can stop: after it, or before.

    `outputs`: only the transactions that publish something count, not those of claims and progress alone,
    which are as many as there are workers to be fenced.
    """

    owner: Any
    name: str
    after: bool
    outputs: bool = False


POINTS = {
    "started": Point(Publisher, "start", after=True),
    "claimed": Point(mongo.MongoStore, "claim", after=True),
    "read-back": Point(Journal, "read_back", after=True),
    "fenced": Point(Publisher, "fence", after=True),
    "in-transaction": Point(mongo, "commit", after=False),
    "stored": Point(mongo, "commit", after=True),
    "opened": Point(Transactions, "register", after=True, outputs=True),
    "publishing": Point(Transactions, "_commit", after=False, outputs=True),
    "published": Point(Transactions, "_commit", after=True, outputs=True),
}

TAKEOVER = ("started", "claimed", "read-back", "fenced")


def stop_at(point: Point, passage: int, number: signal.Signals) -> None:
    """Lets this process send itself a signal at one passage of a point."""
    if point.outputs:
        note_outputs()
    method = getattr(point.owner, point.name)
    passages = iter(range(1, passage + 1))

    def pass_by(passing: Any) -> None:
        counts = not point.outputs or passing.has_outputs
        if counts and next(passages, None) == passage:
            os.kill(os.getpid(), number)

    @functools.wraps(method)
    async def stopping(*arguments: Any, **named: Any) -> Any:
        if not point.after:
            pass_by(arguments[0])
        result = await method(*arguments, **named)
        if point.after:
            pass_by(arguments[0])
        return result

    setattr(point.owner, point.name, stopping)


def note_outputs() -> None:
    """Each transaction knows whether it holds anything but entries of the journal."""
    register = Transactions.register

    async def noting(self: Any, partitions: Iterable[tuple[str, int]]) -> None:
        registered = list(partitions)
        self.has_outputs = any(not topic.endswith(POSITIONS) for topic, _ in registered)
        await register(self, registered)

    Transactions.register = noting  # type: ignore[method-assign]


def main() -> None:
    """Runs until SIGTERM."""
    if where := os.environ.get("FAULTS_STOP_AT"):
        point, passage, number = where.split(":")
        stop_at(POINTS[point], int(passage), signal.Signals[f"SIG{number}"])
    if bug := os.environ.get("FAULTS_PLANTED"):
        PLANTED[bug].plant()
    if path := os.environ.get("FAULTS_CLOCK"):
        clock.follow(Path(path))
    if seconds := os.environ.get("FAULTS_PATIENCE"):
        obstacle.STALL_SECONDS = reading.DAMAGE_SECONDS = float(seconds)  # type: ignore[misc]
    sys.argv = ["contracts", os.environ.get("FAULTS_COMMAND", "consume")]
    cli.main()

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
from pathlib import Path
from typing import Any

from consumer.cli import main as cli
from consumer.engine import obstacle, reading
from consumer.kafka.journal import Journal
from consumer.kafka.publisher import Publisher
from consumer.kafka.transactions import Transactions
from consumer.storage import mongo
from tests.system.faults import clock
from tests.system.faults.planted import PLANTED

POINTS: dict[str, tuple[Any, str, bool]] = {
    "started": (Publisher, "start", True),
    "claimed": (mongo.MongoStore, "claim", True),
    "read-back": (Journal, "read_back", True),
    "fenced": (Publisher, "fence", True),
    "in-transaction": (mongo, "_commit", False),
    "stored": (mongo, "_commit", True),
    "publishing": (Transactions, "_commit", False),
    "published": (Transactions, "_commit", True),
}
"""Where a worker can stop: the owner of a coroutine, its name, and whether after it rather than before."""

TAKEOVER = ("started", "claimed", "read-back", "fenced")


def stop_at(point: str, passage: int, number: signal.Signals) -> None:
    """Lets this process send itself a signal at one passage of a point."""
    owner, name, after = POINTS[point]
    method = getattr(owner, name)
    passages = iter(range(1, passage + 1))

    def pass_by() -> None:
        if next(passages, None) == passage:
            os.kill(os.getpid(), number)

    @functools.wraps(method)
    async def stopping(*arguments: Any, **named: Any) -> Any:
        if not after:
            pass_by()
        result = await method(*arguments, **named)
        if after:
            pass_by()
        return result

    setattr(owner, name, stopping)


def main() -> None:
    """Runs until SIGTERM."""
    if where := os.environ.get("FAULTS_STOP_AT"):
        point, passage, number = where.split(":")
        stop_at(point, int(passage), signal.Signals[f"SIG{number}"])
    if bug := os.environ.get("FAULTS_PLANTED"):
        PLANTED[bug].plant()
    if path := os.environ.get("FAULTS_CLOCK"):
        clock.follow(Path(path))
    if seconds := os.environ.get("FAULTS_PATIENCE"):
        obstacle.HIDDEN_SECONDS = reading.DAMAGE_SECONDS = float(seconds)  # type: ignore[misc]
    sys.argv = ["contracts", os.environ.get("FAULTS_COMMAND", "consume")]
    cli.main()


if __name__ == "__main__":
    main()

"""How soon a worker publishes from every partition of one that was killed."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from benchmarks.contenders.base import WorkNotDone
from benchmarks.contenders.service import Service
from benchmarks.latency import ACCOUNTS, Sender, arrivals, begin, id_of
from benchmarks.log import Shape, make_log
from benchmarks.race import STOP_SECONDS, WORK_SECONDS, wait
from schemas.partitioning import murmur2_home

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from benchmarks.log import Record
    from benchmarks.world import Run, World

PARTITIONS: Final = 48
RATE: Final = 500.0
"""Commands a second, before and after the kill."""
WARM_SECONDS: Final = 15.0
SESSION_SECONDS: Final = 10.0
AFTER_SECONDS: Final = 10.0
"""How long commands go on after the session of the killed worker has ended."""


class _Watched(Service):
    """Kafka misses it sooner than by default: nobody wants to wait for that here."""

    def environment(self, run: Run) -> Mapping[str, str]:
        return {
            **super().environment(run),
            "CONTRACTS_SESSION_TIMEOUT_MS": str(int(1000 * SESSION_SECONDS)),
            "CONTRACTS_HEARTBEAT_INTERVAL_MS": "1000",
        }


def takeover(world: World) -> dict[str, float]:
    """Seconds from the end of the killed worker's session until its partitions published again.

    Kafka counts the session from the last heartbeat, at most a second before the kill; here it is counted
    from the kill. The worker that takes over starts when the other one is killed, and waits for that end.

    Raises:
        WorkNotDone: some partition never published again.
    """
    service = _Watched()
    seconds = WARM_SECONDS + SESSION_SECONDS + AFTER_SECONDS
    log = make_log(Shape(int(RATE * seconds), ACCOUNTS, stored=True), PARTITIONS, label="load")
    with ExitStack() as stack:
        run, first, watcher, seen = begin(stack, world, service, "takeover", PARTITIONS)
        sender = Sender(run)
        sending = threading.Thread(target=sender.pace, args=(log.records, RATE))
        sending.start()
        time.sleep(WARM_SECONDS)
        first.kill()
        killed = time.time()
        second = service.start(run, 1)
        stack.callback(second.stop, STOP_SECONDS)
        sending.join()
        wait(WORK_SECONDS, [second], lambda: service.stored(run, log))
        time.sleep(1)  # what is stored is published a moment later
        watcher.stop(STOP_SECONDS)
        back = _first_results(log.records, seen, killed)
    since = sorted(moment - killed - SESSION_SECONDS for moment in back.values())
    if len(since) < PARTITIONS:
        raise WorkNotDone(f"{PARTITIONS - len(since)} partitions never published again")
    return {
        "session, s": SESSION_SECONDS,
        "until the first partition published, s": round(since[0], 2),
        "until the last one did, s": round(since[-1], 2),
    }


def _first_results(records: Iterable[Record], seen: Path, after: float) -> dict[int, float]:
    """When each partition's first result after this moment was seen, in seconds since 1970.

    The first second does not count: what the killed worker published last may be seen in it.
    """
    homes = {id_of(record): murmur2_home(record.key, PARTITIONS) for record in records}
    found: dict[int, float] = {}
    for name, moment in arrivals(seen).items():
        if moment > after + 1:
            home = homes[name]
            found[home] = min(found.get(home, moment), moment)
    return found

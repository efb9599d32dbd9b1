"""How soon a process works after its start: on a backlog, and on a database that went back."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from benchmarks.checks import check_contracts, check_published, commands_in
from benchmarks.contenders.service import Service
from benchmarks.latency import PARTITIONS
from benchmarks.log import Log, Shape, make_log
from benchmarks.race import STOP_SECONDS, WORK_SECONDS, wait
from schemas.topics import CHANGED

if TYPE_CHECKING:
    from benchmarks.world import Run, World

EXTRA: Final = 100
"""Commands that wait behind those that have to be applied again."""


def starts(world: World, commands: int) -> dict[str, float]:
    """Seconds from the start of a process.

    At most two batches of a partition are ever unpublished. Where many thousand commands have to be gone
    through again is after the database was set back: they are applied, and not published a second time.
    """
    service = Service()
    log = make_log(Shape(commands, commands // 5), PARTITIONS)
    warm_up = make_log(Shape(EXTRA, EXTRA), PARTITIONS, "warm")
    extra = make_log(Shape(EXTRA, EXTRA), PARTITIONS, "extra")
    with world.run("start", partitions=PARTITIONS, processes=1, synced=True) as run:
        feed = service.feed(run)
        idle = _work_off(run, service, warm_up, feed.send(warm_up))
        run.mongo.stop()
        backup = run.folder / "backup"
        run.mongo.copy_data(backup)
        run.mongo.start()
        backlog = _work_off(run, service, log, feed.send(log))
        run.mongo.stop()
        run.mongo.set_back(backup)
        run.mongo.start()
        set_back = _work_off(run, service, extra, feed.send(extra))
        logs = [warm_up, log, extra]
        check_contracts(run, logs, lambda contract: contract["base_monthly_fee"])
        check_published(run, CHANGED, commands_in(logs), exactly=True)
    return {
        f"until the first of {len(warm_up.records):,} waiting commands was published": idle[0],
        f"until the first of {commands:,} waiting commands was published": backlog[0],
        f"until all {commands:,} were": backlog[1],
        f"database set back by {commands:,}: until the first new command was published": set_back[0],
    }


def _work_off(run: Run, service: Service, log: Log, ends: dict[int, int]) -> tuple[float, float]:
    """Starts the service on what waits; seconds until the first of it was published, and the last."""
    # By the journal: the group's offsets are only for lag tools, and committed now and then.
    before = sum(run.journal.published().values())
    began = time.monotonic()
    with ExitStack() as stack:
        process = service.start(run, 0)
        stack.callback(process.stop, STOP_SECONDS)
        first = wait(WORK_SECONDS, [process], lambda: sum(run.journal.published().values()) > before)
        last = wait(WORK_SECONDS, [process], lambda: service.finished(run, log, ends))
    return round(first - began, 2), round(last - began, 2)

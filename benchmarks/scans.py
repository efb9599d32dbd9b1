"""What a scan costs: so many contracts due among few or many."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from benchmarks.contenders.base import WorkNotDone, python_app
from benchmarks.race import JOIN_SECONDS, STOP_SECONDS, wait
from devstack.process import Process

if TYPE_CHECKING:
    from benchmarks.contenders.service import Service
    from benchmarks.world import Run

DUE: Final = 1_000
SHORT_MONTHS: Final = 6
"""Term of the contracts that come due; the others' first notice is a good half year later."""
DAYS_AHEAD: Final = 100
"""The scanner's clock: the first notice of a contract of six months is due, and nothing else."""
SCANS_SECONDS: Final = 120.0


def scan_seconds(run: Run, service: Service) -> float:
    """Seconds of one scan that publishes a command for everything due, while the service runs.

    Raises:
        WorkNotDone: it did not find exactly what is due.
    """
    told = run.folder / "scan.json"
    told.unlink(missing_ok=True)
    with ExitStack() as stack:
        process = service.start(run, 0)
        stack.callback(process.stop, STOP_SECONDS)
        wait(JOIN_SECONDS, [process], lambda: service.ready(run))
        scanner = Process(
            [*python_app("scan"), str(told), str(DAYS_AHEAD)],
            folder=service.tree,
            log=run.folder / "scan.log",
            env=run.environment,
        )
        stack.callback(scanner.stop, STOP_SECONDS)
        wait(SCANS_SECONDS, [process, scanner], told.exists)
    result = json.loads(told.read_text())
    if result["due"] != DUE or result["published"] != DUE:
        raise WorkNotDone(f"the scan found {result['due']} and published {result['published']}, not {DUE}")
    return float(result["seconds"])

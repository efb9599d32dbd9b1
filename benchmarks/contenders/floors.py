"""What nothing can be faster than: reading the topic, and writing what has to be written."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.checks import check_committed, check_contracts
from benchmarks.contenders.base import Contender, WorkNotDone, python_app
from benchmarks.feed import Feed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from benchmarks.log import Log
    from benchmarks.world import Run


class Reading(Contender):
    """aiokafka reads and does nothing."""

    name = "floor_reading"
    title = "floor: aiokafka, reading only"
    does = "nothing"

    def prepare(self, run: Run) -> None:
        """Nothing: it stores nothing."""

    def command(self, run: Run, number: int) -> list[str]:  # noqa: ARG002
        """One consumer."""
        return python_app("read")

    def stored(self, run: Run, log: Log) -> bool:  # noqa: ARG002
        """There is nothing to store."""
        return True

    def verify(self, run: Run, logs: Sequence[Log], ends: Mapping[int, int]) -> None:  # noqa: ARG002
        """It has read to the end."""
        check_committed(run.committed(self.group(run)), ends)


class Writing(Contender):
    """The service's own MongoDB writes, recorded before and sent again by one client."""

    name = "floor_writing"
    title = "floor: the MongoDB writes, one client"
    does = "the service's recorded transactions, nothing else"
    most_processes = 1

    def __init__(self, recorded: Path) -> None:
        self._recorded = recorded

    def prepare(self, run: Run) -> None:
        """Nothing: making collections and indexes was recorded too."""

    def command(self, run: Run, number: int) -> list[str]:  # noqa: ARG002
        """One client with a thread for each stream of transactions."""
        return [*python_app("write"), str(self._recorded), str(run.folder)]

    def feed(self, run: Run) -> Feed:
        """A file that says go."""
        return _Go(run.folder)

    def ready(self, run: Run) -> bool:
        """Whether everything is loaded."""
        return (run.folder / "ready").exists()

    def finished(self, run: Run, log: Log, ends: Mapping[int, int]) -> bool:  # noqa: ARG002
        """It says so itself; there is no warm-up, as only the log itself was recorded."""
        return not (run.folder / "go").exists() or (run.folder / "done").exists()

    def verify(self, run: Run, logs: Sequence[Log], ends: Mapping[int, int]) -> None:  # noqa: ARG002
        """The same contracts as the service has stored."""
        check_contracts(run, logs[-1:], lambda contract: contract["base_monthly_fee"])
        if run.database.history.estimated_document_count() == 0:
            raise WorkNotDone("no history was written")


class _Go(Feed):
    """Stands in for the feed of a contender that reads no topic."""

    def __init__(self, folder: Path) -> None:
        self._go = folder / "go"

    def send(self, log: Log) -> dict[int, int]:  # noqa: ARG002
        return {}

    def hold(self, log: Log) -> None:
        """Everything is where it should be."""

    def release(self) -> float:
        moment = time.monotonic()
        self._go.touch()
        return moment

    def ends(self) -> dict[int, int]:
        return {}

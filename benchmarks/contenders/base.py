"""What every contender can do: be started as a process of its own, and be checked afterwards."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from benchmarks.feed import Feed
from benchmarks.world import ROOT
from devstack.process import Process

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from benchmarks.log import Log
    from benchmarks.world import Run


class WorkNotDone(Exception):
    """A contender's result is not what the log demands: its figures would be worthless."""


class Contender(ABC):
    """One way to get the commands into the database.

    `share` of the log is what it gets: a slow one is measured on a smaller log of the same mix.
    `most_processes`: beyond that it grows in another way.
    """

    name: str
    title: str
    does: str
    share: float = 1.0
    most_processes: int = 2
    tree: Path = ROOT
    """Checkout whose code runs."""

    def group(self, run: Run) -> str:
        """Name of its consumer group."""
        return run.name

    def members(self, run: Run) -> int:
        """How many members its group has when all are there."""
        return min(run.processes, run.partitions)

    def prepare(self, run: Run) -> None:
        """What is there before it starts: an index on the business key."""
        run.database.contracts.create_index("account_id", unique=True)

    @abstractmethod
    def command(self, run: Run, number: int) -> Sequence[str]:
        """The command of its process with this number."""

    def start(self, run: Run, number: int) -> Process:
        """Start one of its processes."""
        log = run.folder / f"{self.name}-{number}.log"
        return Process(
            self.command(run, number),
            folder=self.tree,
            log=log,
            env={**self.environment(run), "PYTHONPATH": ""},
        )

    def environment(self, run: Run) -> Mapping[str, str]:
        """Environment variables of its processes."""
        return run.environment

    def feed(self, run: Run) -> Feed:
        """Where its commands are put."""
        return Feed(run.world.kafka.bootstrap, run.commands)

    def ready(self, run: Run) -> bool:
        """Whether all its members have their partitions."""
        return run.members(self.group(run)) == self.members(run)

    def finished(self, run: Run, log: Log, ends: Mapping[int, int]) -> bool:
        """Whether everything up to these offsets is stored, published and committed."""
        return self.stored(run, log) and self.committed(run, ends)

    def stored(self, run: Run, log: Log) -> bool:
        """Whether the last record of every partition is in the database."""
        names = {"account_id": {"$in": log.sentinels}}
        return bool(run.database.contracts.count_documents(names) == len(log.sentinels))

    def committed(self, run: Run, ends: Mapping[int, int]) -> bool:
        """Whether its group has committed everything."""
        offsets = run.committed(self.group(run))
        return all(offsets.get(partition, 0) >= end for partition, end in ends.items())

    @abstractmethod
    def verify(self, run: Run, logs: Sequence[Log], ends: Mapping[int, int]) -> None:
        """Check, after its orderly end, that the work was done.

        Raises:
            WorkNotDone: it was not.
        """


def python_app(name: str) -> list[str]:
    """The command of one of the programs in contenders/apps."""
    return [sys.executable, "-m", f"benchmarks.contenders.apps.{name}"]

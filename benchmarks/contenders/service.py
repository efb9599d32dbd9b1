"""The service: what is to be judged."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks.checks import changes_in, check_committed, check_contracts, check_published, commands_in
from benchmarks.contenders.base import Contender, python_app
from schemas.topics import CHANGED, COMMAND_RESULTS, DEAD_LETTERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from benchmarks.log import Log
    from benchmarks.world import Run


class Service(Contender):
    """The whole job: decision, contracts, history, events and results, exactly once."""

    name = "service"
    title = "contract service"
    does = "decision, contract, history, dedupe, event and result; exactly once"

    def __init__(self, tree: Path | None = None, *, driver: str | None = None) -> None:
        self._driver = driver
        if tree is not None:
            self.tree = tree
            self.name = f"service@{tree.name}"
            self.title = f"contract service of {tree.name}"
        if driver is not None:
            self.name = f"{self.name}-{driver}"
            self.title = f"{self.title} with {driver}"

    def environment(self, run: Run) -> Mapping[str, str]:
        """As in production, or with the driver that was asked for."""
        return run.environment | ({"CONTRACTS_MONGO_DRIVER": self._driver} if self._driver else {})

    def prepare(self, run: Run) -> None:
        """Nothing: it makes its own collections and indexes."""

    def command(self, run: Run, number: int) -> list[str]:  # noqa: ARG002 - all are alike
        """As in production."""
        return [sys.executable, "-m", "consumer", "consume"]

    def committed(self, run: Run, ends: Mapping[int, int]) -> bool:
        """Whether everything up to these offsets is published. Version 0.1 says it by its group's offsets."""
        reached = run.committed(self.group(run)) | run.journal.published()
        return all(reached.get(partition, 0) >= end for partition, end in ends.items())

    def verify(self, run: Run, logs: Sequence[Log], ends: Mapping[int, int]) -> None:
        """Every contract, and each event and result once."""
        check_contracts(run, logs, lambda contract: contract["base_monthly_fee"])
        check_committed(run.committed(self.group(run)) | run.journal.published(), ends)
        check_published(run, CHANGED, changes_in(logs), exactly=True)
        check_published(run, COMMAND_RESULTS, commands_in(logs), exactly=True)
        check_published(run, DEAD_LETTERS, 0, exactly=True)


class Recording(Service):
    """The service, while its writes are being recorded."""

    name = "recording"

    def __init__(self, to: Path) -> None:
        super().__init__()
        self._to = to

    def command(self, run: Run, number: int) -> list[str]:  # noqa: ARG002 - there is one
        """The service with a listener in its driver."""
        return [*python_app("record"), str(self._to)]

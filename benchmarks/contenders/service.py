"""The service: what is to be judged."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks.checks import changes_in, check_committed, check_contracts, check_published, commands_in
from benchmarks.contenders.base import Contender, python_app
from schemas.topics import CHANGED, COMMAND_RESULTS, DEAD_LETTERS, STATE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from benchmarks.log import Log
    from benchmarks.world import Run


class Service(Contender):
    """The whole job: decision, contracts, history, events and results, exactly once."""

    name = "service"
    title = "contract service"
    does = "decision, contract, history, dedupe, event, state and result; exactly once"

    def __init__(self, tree: Path | None = None, *, driver: str | None = None, states: bool = True) -> None:
        self._driver = driver
        self._states = states
        self._knows_states = tree is None
        if tree is not None:
            self.tree = tree
            self.name = f"service@{tree.name}"
            self.title = f"contract service of {tree.name}"
        if driver is not None:
            self.name = f"{self.name}-{driver}"
            self.title = f"{self.title} with {driver}"
        if not states:
            self.name = f"{self.name}-without-states"
            self.title = f"{self.title} without contracts.state"

    def environment(self, run: Run) -> Mapping[str, str]:
        """As in production, or with what was asked for."""
        driver = {"CONTRACTS_MONGO_DRIVER": self._driver} if self._driver else {}
        states = {} if self._states else {"CONTRACTS_PUBLISH_STATE": "false"}
        return run.environment | driver | states

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
        if self._knows_states:
            check_published(run, STATE, changes_in(logs) if self._states else 0, exactly=True)
        check_published(run, DEAD_LETTERS, 0, exactly=True)


class Plain(Service):
    """The two transactions in a plain loop, for results that are watched like the service's."""

    name = "plain"
    title = "plain exactly-once loop"
    does = "stores and publishes what has the usual size and no meaning; exactly once"

    def command(self, run: Run, number: int) -> list[str]:  # noqa: ARG002 - there is one
        """One loop."""
        return python_app("plain")

    def committed(self, run: Run, ends: Mapping[int, int]) -> bool:
        """By its group's offsets: it has no journal."""
        return Contender.committed(self, run, ends)


class Recording(Service):
    """The service, while its writes are being recorded."""

    name = "recording"

    def __init__(self, to: Path) -> None:
        super().__init__()
        self._to = to

    def command(self, run: Run, number: int) -> list[str]:  # noqa: ARG002 - there is one
        """The service with a listener in its driver."""
        return [*python_app("record"), str(self._to)]

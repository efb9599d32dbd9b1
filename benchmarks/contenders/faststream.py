"""FastStream with motor: what a Python team would write today."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.checks import check_committed, check_contracts, check_published, commands_in
from benchmarks.contenders.base import Contender, python_app
from schemas.topics import CHANGED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.log import Log
    from benchmarks.world import Run

SINGLE_SHARE: Final = 0.02


class _FastStream(Contender):
    app: str

    def command(self, run: Run, number: int) -> list[str]:  # noqa: ARG002 - all are alike
        """One process of the program."""
        return python_app(self.app)

    def verify(self, run: Run, logs: Sequence[Log], ends: Mapping[int, int]) -> None:
        """Every contract, and at least one event for each command."""
        doubled = check_contracts(run, logs, lambda contract: contract["base_monthly_fee"], exactly=False)
        if doubled:
            print(f"  {self.name}: {doubled} contracts count a command twice")
        check_committed(run.committed(self.group(run)), ends)
        check_published(run, CHANGED, commands_in(logs), exactly=False)


class FastStreamBatch(_FastStream):
    """Batches, bulk writes, batched publishing."""

    name = "faststream_batch"
    title = "FastStream, batches and bulk writes"
    does = "decision, upsert, event; no history, no results, no dedupe; at least once"
    app = "faststream_batch"


class FastStreamSingle(_FastStream):
    """One message at a time."""

    name = "faststream_single"
    title = "FastStream, one message at a time"
    does = "decision, upsert, event; no history, no results, no dedupe; at least once"
    app = "faststream_single"
    share = SINGLE_SHARE

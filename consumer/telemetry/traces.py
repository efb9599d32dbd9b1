"""What the engine reports of its work, to be recorded as spans. Here nothing is recorded: traces are off.

traces_recorded.py records them. Times are nanoseconds since 1970. Spans end up in no command, event,
contract or history entry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager

    from consumer.engine.records import Decoded
    from consumer.stages import Stage
    from consumer.storage.history import HistoryEntry

    Stages = Callable[[Stage], AbstractContextManager[None]]


class TracedCommand(NamedTuple):
    """A command with a span, and its latency: from the record's timestamp to the commit of its outputs."""

    seconds: float
    trace_id: str
    span_id: str


class BatchTrace:
    """One batch. `stage` measures its stages."""

    __slots__ = ("stage",)

    def __init__(self, stage: Stages) -> None:
        self.stage = stage

    def stored(self, records: Sequence[Decoded], entries: Sequence[HistoryEntry]) -> None:
        """These records of one partition, with their history entries, are stored but not published yet.

        Not to be called in a replay: it has no spans.
        """


class Traces:
    """Receives what happens in one process."""

    def batch(self, stage: Stages) -> BatchTrace:
        """A batch begins."""
        return BatchTrace(stage)

    def published(
        self,
        batches: Iterable[BatchTrace],  # noqa: ARG002
        since: int,  # noqa: ARG002
    ) -> Sequence[TracedCommand]:
        """The outputs of these batches are committed; their transaction began at `since`."""
        return ()

    def fetched(self, records: int, since: int) -> None:
        """A fetch that began at `since` returned this number of records, without those of a replay."""

    def took_over(self, reason: str, partitions: int, since: int) -> None:
        """A takeover that began at `since` ended; `reason` is one of RESUME_REASONS."""

    async def __aenter__(self) -> None:
        """Until the end of `async with` spans are recorded."""

    async def __aexit__(self, *_: object) -> None:
        """Sends what is recorded, if that is quickly done."""


NO_TRACES: Final = Traces()

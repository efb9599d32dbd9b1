"""The outcomes of an import's rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from consumer.errors import CommandRejected

if TYPE_CHECKING:
    from collections.abc import Callable

    from producers.results import CommandResult

NOT_SENT: Final = "not_sent"
"""The key in `ImportReport.by_code` for rows that are not valid commands."""


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A refused row, and why. `code` None: the row is not a valid command, and was not sent."""

    place: str
    message: str
    code: str | None = None
    errors: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class ImportReport:
    """The outcomes of the rows so far. `duplicates` were applied by an earlier run."""

    rows: int = 0
    applied: int = 0
    unchanged: int = 0
    duplicates: int = 0
    refused: int = 0
    by_code: dict[str, int] = field(default_factory=dict)

    def refuse(self, code: str) -> None:
        """Counts a refused row."""
        self.refused += 1
        self.by_code[code] = self.by_code.get(code, 0) + 1


class Reporter:
    """Builds the report, and reports progress.

    Args:
        on_refused: called with each refused row.
        on_progress: called with the number of rows finished since the last call.
    """

    def __init__(self, on_refused: Callable[[RefusedRow], None], on_progress: Callable[[int], None]) -> None:
        self.report = ImportReport()
        self._on_refused = on_refused
        self._on_progress = on_progress

    def refuse(self, row: RefusedRow) -> None:
        """Records a refused row."""
        self.report.refuse(row.code or NOT_SENT)
        self._on_refused(row)

    def count(self, place: str, result: CommandResult) -> None:
        """Records the outcome of a row's command."""
        try:
            outcome = result.raise_if_rejected().outcome
        except CommandRejected as rejected:
            self.refuse(RefusedRow(place, result.message or "", rejected.code, rejected.errors))
            return
        self.report.applied += outcome == "applied"
        self.report.unchanged += outcome == "unchanged"
        self.report.duplicates += outcome == "duplicate"

    def finish(self) -> None:
        """Counts a row as finished."""
        self._on_progress(1)

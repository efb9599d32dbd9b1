"""How long a worker waits after a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar
from zlib import crc32

if TYPE_CHECKING:
    from consumer.errors import ContractsError

_Error = TypeVar("_Error", bound="ContractsError")

BACKOFF_SECONDS: Final = (0.1, 0.2, 0.5, 1.0, 2.0)


class Backoff:
    """Counts the failures since the last success."""

    def __init__(self) -> None:
        self._failures = 0
        self._last: ContractsError | None = None

    @property
    def lasting(self) -> ContractsError | None:
        """The previous error, if nothing succeeded after it."""
        return self._last if self._failures > 1 else None

    def failed(self, error: ContractsError, owner: str) -> float:
        """Counts a failure; returns the seconds until the next try."""
        # Random, because two workers that end each other's transactions at the same pace would do so forever.
        share = 0.5 + crc32(owner.encode()) % 1_000 / 1_000
        seconds = share * BACKOFF_SECONDS[min(self._failures, len(BACKOFF_SECONDS) - 1)]
        self._failures += 1
        self._last = without_frames(error)
        return seconds

    def succeeded(self) -> None:
        """Resets the count: what failed before works again."""
        self._failures = 0


def without_frames(error: _Error) -> _Error:
    """The error without its traceback and causes, which keep all that was to be published in memory."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)

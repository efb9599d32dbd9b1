"""Counts and times the driver's commands to MongoDB: one call per round trip, never per document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pymongo.monitoring import CommandListener

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pymongo.monitoring import CommandFailedEvent, CommandStartedEvent, CommandSucceededEvent

_MICROSECONDS: Final = 1e6
_PART_FAILED: Final = "WriteError"


class OperationListener(CommandListener):
    """Reports each command's name, result and duration.

    Args:
        report: called with (operation, `ok` or the name of an error, seconds), from motor's threads or
            the event loop.
    """

    def __init__(self, report: Callable[[str, str, float], None]) -> None:
        self._report = report

    def started(self, event: CommandStartedEvent) -> None:
        """Does nothing: the command has no result yet."""

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Answered. A write may still have failed in part."""
        reply: Mapping[str, Any] = event.reply
        failed = bool(reply.get("writeErrors") or reply.get("writeConcernError"))
        self._note(event, _PART_FAILED if failed else "ok")

    def failed(self, event: CommandFailedEvent) -> None:
        """Refused by the server, or no answer: then the failure is the name of the driver's error."""
        failure: Mapping[str, Any] = event.failure
        self._note(event, str(failure.get("codeName") or failure.get("errtype") or "Error"))

    def _note(self, event: CommandSucceededEvent | CommandFailedEvent, result: str) -> None:
        self._report(event.command_name, result, event.duration_micros / _MICROSECONDS)

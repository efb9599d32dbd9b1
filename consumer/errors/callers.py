"""What is told to those who send commands, read contracts, or use the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.errors.root import ContractsError

if TYPE_CHECKING:
    from collections.abc import Sequence


class CommandRejected(ContractsError):
    """The service refused a command; `code` is one of those in schemas/events.py."""

    exit_code = 9
    label = "command rejected"

    def __init__(self, code: str, message: str, *, errors: Sequence[tuple[str, str]] = ()) -> None:
        details = "".join(f"; {path or 'command'}: {why}" for path, why in errors)
        super().__init__(f"{code}: {message}{details}")
        self.code = code
        self.errors = tuple(errors)


class ResultTimeout(ContractsError):
    """The command is in the log and will be applied; its result has not come within the time given."""

    exit_code = 10
    label = "no result yet"
    hint = "is the service running? Sending the same command again under the same id is safe"


class ContractNotFound(ContractsError):
    """There is no such contract."""

    exit_code = 11
    label = "no such contract"


class ServiceUnavailable(ContractsError):
    """MongoDB or Kafka did not answer a reader or manager: the answer is unknown, not empty."""

    exit_code = 12
    label = "reading failed"


class InputRefused(ContractsError):
    """A file or an argument given by the user cannot be used.

    `errors` are its mistakes as (JSON Pointer, what is wrong there), where there is a document to point into.
    """

    exit_code = 13
    label = "unusable input"

    def __init__(
        self, message: str, *, errors: Sequence[tuple[str, str]] = (), hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.errors = tuple(errors)


class WrongUsage(InputRefused):
    """Arguments of the command line that are malformed, or do not go together."""

    exit_code = 2


class HistoryPruned(ContractsError):
    """An earlier state of a contract cannot be shown: the history that leads there is not kept any more."""

    exit_code = 14
    label = "history not kept"
    hint = "CONTRACTS_HISTORY_RETENTION_DAYS sets how long; `contracts.changed` may still hold the event"


class SchemasIncompatible(ContractsError):
    """A published schema changed in a way that breaks those who send commands or read events."""

    exit_code = 15
    label = "breaking schemas"
    hint = "give the message a new version beside the old one, and go on reading the old one as well"


class OutputFailed(ContractsError):
    """What a command prints cannot be written. What it did is done all the same."""

    exit_code = 17
    label = "the output cannot be written"

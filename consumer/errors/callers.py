"""Errors of programs that send commands or read contracts, and of the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.errors.root import ContractsError

if TYPE_CHECKING:
    from collections.abc import Sequence


class CommandRejected(ContractsError):
    """The service rejected a command; `code` is one of the rejection codes in schemas/events.py."""

    exit_code = 9
    label = "command rejected"

    def __init__(self, code: str, message: str, *, errors: Sequence[tuple[str, str]] = ()) -> None:
        details = "".join(f"; {path or 'command'}: {why}" for path, why in errors)
        super().__init__(f"{code}: {message}{details}")
        self.code = code
        self.errors = tuple(errors)


class ResultTimeout(ContractsError):
    """The command is in the log and will be applied, but its result did not arrive within the timeout."""

    exit_code = 10
    label = "no result yet"
    hint = "is the service running? It is safe to send the same command again with the same id"


class ContractNotFound(ContractsError):
    """The contract does not exist."""

    exit_code = 11
    label = "no such contract"


class ServiceUnavailable(ContractsError):
    """MongoDB or Kafka did not answer. This does not mean that there is no data."""

    exit_code = 12
    label = "reading failed"


class InputRefused(ContractsError):
    """A file or an argument of the user is invalid.

    `errors` are its mistakes as (JSON Pointer, what is wrong there), where there is a document to point into.
    """

    exit_code = 13
    label = "invalid input"

    def __init__(
        self, message: str, *, errors: Sequence[tuple[str, str]] = (), hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.errors = tuple(errors)


class WrongUsage(InputRefused):
    """Command line arguments are malformed, or exclude each other."""

    exit_code = 2


class HistoryPruned(ContractsError):
    """An earlier state of a contract cannot be shown, because the history entries it needs were pruned."""

    exit_code = 14
    label = "history not kept"
    hint = "CONTRACTS_HISTORY_RETENTION_DAYS sets the retention; `contracts.changed` may still hold the event"


class CommandNotFound(ContractsError):
    """The history has no such command: it was never sent, is not applied yet, or its entry was pruned."""

    exit_code = 19
    label = "no such command"
    hint = (
        "are id and account right? If `contracts positions show` shows lag, it may not be applied yet; a "
        "pruned entry is found only with the exact --source"
    )


class SchemasIncompatible(ContractsError):
    """A published schema has a change that breaks producers, consumers or callers of the API."""

    exit_code = 15
    label = "breaking schema change"
    hint = "add a new version of the message, and keep reading the old version"


class OutputFailed(ContractsError):
    """The output of a command cannot be written. Its effect on the servers is not undone."""

    exit_code = 17
    label = "the output cannot be written"


class ChecksFailed(ContractsError):
    """A check of `contracts doctor` failed. The table has a hint for each failed check."""

    exit_code = 18
    label = "a check of `doctor` failed"


class HistoryTampered(ContractsError):
    """`contracts history verify` has found an entry that was changed, removed or inserted by others."""

    exit_code = 22
    label = "the history was changed outside the service"
    hint = "see the runbook `history-tampered`; keep the database as it is"


class CheckpointDamaged(ContractsError):
    """A checkpoint is not as it was written: a file is missing or changed."""

    exit_code = 24
    label = "a checkpoint is damaged"
    hint = "use another checkpoint; `contracts checkpoint create` writes a new one"


class DecidesOtherwise(ContractsError):
    """`contracts shadow` found that this program would decide a command otherwise."""

    exit_code = 23
    label = "`shadow` found differences"
    hint = (
        "read CHANGELOG.md for what a new version decides otherwise; anything else is a fault of the program"
    )

    def __init__(self, partition: int, offset: int) -> None:
        super().__init__(
            f"the first command that comes out differently is partition {partition}, offset {offset}"
        )


class HistoryNotUpgraded(ContractsError):
    """A statistic needs history entries whose changes version 0.1 stored as text."""

    exit_code = 20
    label = "history not upgraded"
    hint = "run `contracts indexes upgrade` once; the service can run meanwhile"

    def __init__(self) -> None:
        super().__init__("history entries of that period are still stored as version 0.1 stored them")

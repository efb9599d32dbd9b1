"""The base class of all errors."""

from __future__ import annotations

from typing import ClassVar


class ContractsError(Exception):
    """Base class. The text is one line without credentials or personal data; `hint` says what to do."""

    exit_code: ClassVar[int] = 1
    label: ClassVar[str] = "a defect"
    """Meaning of the exit code, for the list of exit codes."""
    hint: str = ""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        if hint is not None:
            self.hint = hint

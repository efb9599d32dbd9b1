"""Results of commands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from consumer.errors import CommandRejected

if TYPE_CHECKING:
    from schemas.events import OutcomeName


class CommandKey(NamedTuple):
    """Identifies a command."""

    account_id: str
    source: str
    command_id: str


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The result of a command. `errors`: JSON Pointer and message of each mistake."""

    account_id: str
    source: str
    command_id: str
    outcome: OutcomeName
    code: str | None
    message: str | None
    errors: tuple[tuple[str, str], ...]
    contract_id: str | None
    version: int | None
    processed_at: datetime

    @classmethod
    def from_data(cls, account_id: str, data: dict[str, Any]) -> Self:
        """Reads the data of a `command_result` event."""
        return cls(
            account_id=account_id,
            source=data["command"]["source"],
            command_id=data["command"]["id"],
            outcome=data["outcome"],
            code=data.get("code"),
            message=data.get("message"),
            errors=tuple((each["path"], each["message"]) for each in data.get("errors", ())),
            contract_id=data.get("contract_id"),
            version=data.get("version"),
            processed_at=datetime.fromisoformat(data["processed_at"]),
        )

    def as_data(self) -> dict[str, Any]:
        """The fields as JSON. Unknown ones are left out."""
        known = {
            "outcome": self.outcome,
            "code": self.code,
            "message": self.message,
            "errors": [{"path": path, "message": message} for path, message in self.errors],
            "contract_id": self.contract_id,
            "version": self.version,
            "processed_at": self.processed_at,
        }
        return {name: value for name, value in known.items() if value not in (None, [])}

    def raise_if_rejected(self) -> Self:
        """The result itself, unless the command was rejected, now or when it was first applied.

        Raises:
            CommandRejected: has the code and the errors.
        """
        if self.code is not None:
            raise CommandRejected(self.code, self.message or "", errors=self.errors)
        return self

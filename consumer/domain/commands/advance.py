"""`advance`: from the scanner; everything due at that moment happens, as before every command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.domain.handlers import Handler
from consumer.domain.model import Applied, Decision, Unchanged

if TYPE_CHECKING:
    from datetime import datetime

    from consumer.domain.handlers import Case
    from consumer.domain.model import Outcome


SOURCE: Final = "/contracts/scanner"
"""`ce_source` of those that the service sends itself."""


def advance_id(contract_id: str, due_at: datetime) -> str:
    """Of the same contract and due time the same: in the log one sees what belongs together."""
    moment = due_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"advance/{contract_id}/{moment}"


def advance(case: Case) -> Decision:
    """Never refused: it was right when it was sent, whatever the contract has become since."""
    return Decision(_outcome(case), case.contract, case.due)


def _outcome(case: Case) -> Outcome:
    if case.contract is None:
        return Unchanged("the account has no contract any more")
    if case.command.data["contract_id"] != case.contract["contract_id"]:
        return Unchanged("the account has another contract by now")
    return Applied() if case.due else Unchanged("nothing was due")


HANDLER: Final = Handler((), advance)

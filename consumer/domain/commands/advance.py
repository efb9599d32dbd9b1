"""`advance`: sent by the scanner. It does nothing itself: what is due is applied before every command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.domain.handlers import Handler
from consumer.domain.model import Applied, Unchanged, Verdict

if TYPE_CHECKING:
    from datetime import datetime

    from consumer.domain.handlers import Case
    from consumer.domain.model import Outcome


SOURCE: Final = "/contracts/scanner"
"""`ce_source` of the commands that the service sends."""


def advance_id(contract_id: str, due_at: datetime) -> str:
    """The same for the same contract and due time, so that the log shows which records belong together."""
    moment = due_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"advance/{contract_id}/{moment}"


def advance(case: Case) -> Verdict:
    """Never rejected: it was right when it was sent, and the contract may have changed since."""
    publishes_state = case.command.data.get("publish_state", False)
    return Verdict(_outcome(case), case.contract, case.due, publishes_state=publishes_state)


def _outcome(case: Case) -> Outcome:
    if case.contract is None:
        return Unchanged("the account has no contract any more")
    if case.command.data["contract_id"] != case.contract["contract_id"]:
        return Unchanged("the account has another contract by now")
    return Applied() if case.due else Unchanged("nothing was due")


HANDLER: Final = Handler((), advance)

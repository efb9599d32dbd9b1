"""`update`: a merge patch on the terms, contacts and notes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from consumer.domain import rules
from consumer.domain.changing import Effect, on_contract
from consumer.domain.conflicts import terms_conflict
from consumer.domain.handlers import Move
from consumer.domain.mistakes import mistake, rejected
from consumer.domain.model import Unchanged
from consumer.domain.renewal import agreed
from consumer.domain.schedule import redated
from consumer.domain.statuses import STATUSES
from consumer.domain.terms import patched
from consumer.domain.versions import broken_version, dated_as, with_dated_terms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consumer.domain.changing import Result
    from consumer.domain.lifecycle import Moment
    from schemas.commands import UpdateData
    from schemas.contract import Contract


def update(contract: Contract, data: UpdateData, moment: Moment) -> Result:
    """Merges the patch into the contract, and computes the dates that depend on it."""
    changes = cast("Mapping[str, Any]", data["changes"])
    protected, removed = rules.protected(contract, changes), rules.removed(changes)
    refused = removed | protected
    if refused:
        changes = {name: value for name, value in changes.items() if name not in refused}
    after = patched(contract, changes)
    if "renewal_terms" in changes:
        after = _with_terms(contract, after, moment)
    if after == contract and not refused:
        return Unchanged("the contract already is like this")
    after = redated(contract, after, changes, moment.now)
    errors = [mistake(why, "changes", name) for name, why in refused.items()]
    errors += rules.broken(after, changes, "changes")
    errors += rules.broken_dates(after, changes, moment.now, "changes")
    errors += broken_version(changes.get("renewal_terms") or {}, moment, "changes", "renewal_terms")
    if errors:
        return rejected("protected_field" if protected else "invalid_terms", errors)
    if "renewal_terms" in changes and (refusal := terms_conflict(after, "renewal_terms")):
        return refusal
    return Effect("updated", after)


def _with_terms(before: Contract, after: Contract, moment: Moment) -> Contract:
    """The same terms again have the version of the first time."""
    if "renewal_terms" in after:
        after = agreed(after, after["renewal_terms"], moment.now)
        held = before.get("renewal_terms")
        if held and held == dated_as(after["renewal_terms"], held):
            return after | {"renewal_terms": held}
    return with_dated_terms(after, moment.catalogue, moment.now)


HANDLER: Final = on_contract(
    update,
    Move("pending_renewal", "active", "out of the renewal window"),
    *(Move(status, status) for status in STATUSES),
    content=("changes",),
)

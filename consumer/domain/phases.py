"""Makes a scheduled change, with its id and due time, from a command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from consumer.domain import rules
from consumer.domain.conflicts import amendment_conflict, conflict, too_many
from consumer.domain.dates import iso
from consumer.domain.mistakes import mistake
from consumer.domain.model import Rejected
from consumer.domain.renewal import without_plan_for
from consumer.domain.schedule import next_term
from consumer.domain.scheduling import begin_of, on_plan_by, scheduled, with_scheduled
from consumer.domain.versions import broken_version, dated, dated_as
from schemas.scheduled import RESERVED_IDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from consumer.domain.lifecycle import Moment
    from schemas.contract import Contract
    from schemas.events import FieldError
    from schemas.scheduled import ChangeKind, Phase, ScheduledChange

_WHEN: Final = ("at", "at_renewal", "from_term")
_CONTENT: Final = ("contract_type", "template_version", "overrides", "changes")
_OF_KIND: Final[Mapping[ChangeKind, tuple[str, ...]]] = {
    "plan_change": ("contract_type", "template_version", "overrides"),
    "amendment": ("changes",),
    "cancellation": (),
}
_NEEDED: Final[Mapping[ChangeKind, str]] = {"plan_change": "contract_type", "amendment": "changes"}


def derived_id(moment: Moment, number: int | None = None) -> str:
    """The id of a change if the command gives none: always the same for the same command."""
    suffix = "" if number is None else f"_{number}"
    return f"change_{moment.identity.hex()[:12]}{suffix}"


def change_of(phase: Phase, contract: Contract, moment: Moment, change_id: str) -> ScheduledChange:
    """The change in a valid command, with its due time from the contract's dates."""
    change: Any = {"change_id": change_id, "kind": phase["kind"]}
    if "at" in phase:
        change["effective_at"] = phase["at"]
    else:
        term = phase.get("from_term", next_term(contract, moment.now))
        change |= {"effective_at": begin_of(contract, term), "from_term": term}
    asked = cast("Mapping[str, Any]", phase)
    change |= {name: asked[name] for name in (*_CONTENT, "reason") if asked.get(name) not in (None, {})}
    change |= {"requested_by": moment.by, "requested_at": moment.now}
    if phase["kind"] == "plan_change":
        planned = scheduled(contract, change_id)
        change = (
            dated_as(change, planned)
            if planned
            else dated(change, on_plan_by(contract, change["effective_at"]), moment.catalogue, moment.now)
        )
    return cast("ScheduledChange", change)


def broken_phase(phase: Phase, contract: Contract, moment: Moment, *at: str | int) -> Iterator[FieldError]:
    """Every mistake in the change. `at`: its path in the command."""
    if (given := phase.get("change_id")) in RESERVED_IDS:
        yield mistake(f"is the id of what another command schedules: {given!r}", *at, "change_id")
    yield from _broken_when(phase, contract, moment, *at)
    yield from broken_content(phase, *at)
    yield from broken_version(cast("Mapping[str, Any]", phase), moment, *at)


def broken_content(phase: Phase, *at: str | int) -> Iterator[FieldError]:
    """What its kind does not have, or lacks, and terms that break a rule."""
    kind, asked = phase["kind"], cast("Mapping[str, Any]", phase)
    if (needed := _NEEDED.get(kind)) and not asked.get(needed):
        yield mistake(f"is required: {kind} does nothing without it", *at, needed)
    for name in _CONTENT:
        if name in asked and name not in _OF_KIND[kind]:
            yield mistake(f"does not belong to {kind}", *at, name)
        elif name in {"overrides", "changes"} & asked.keys():
            yield from rules.broken(asked[name], asked[name], *at, name)


def _broken_when(phase: Phase, contract: Contract, moment: Moment, *at: str | int) -> Iterator[FieldError]:
    given = [name for name in _WHEN if name in phase]
    if len(given) != 1:
        yield mistake("give one of at, at_renewal and from_term", *at, *given[1:2])
    earliest = max(moment.now, contract["start_date"])
    if "at" in phase and phase["at"] <= earliest:
        yield mistake(f"must be later than {iso(earliest)}, now or the start of the contract", *at, "at")
    following = next_term(contract, moment.now)
    if "from_term" in phase and phase["from_term"] < following:
        yield mistake(f"has begun: the next one to begin is {following}", *at, "from_term")


def with_change(contract: Contract, change: ScheduledChange, *at: str | int) -> Contract | Rejected:
    """The contract with one more change, unless it conflicts with the others."""
    planned = contract["scheduled_changes"]
    if refusal := too_many(planned, *at) or _id_taken(change, planned) or conflict(change, planned):
        return refusal
    if refusal := amendment_conflict(contract, change):
        return refusal
    if change["kind"] == "plan_change" and "from_term" in change:
        contract = without_plan_for(contract, change["from_term"])
    return with_scheduled(contract, change)


def _id_taken(change: ScheduledChange, planned: Sequence[ScheduledChange]) -> Rejected | None:
    for each in planned:
        if each["change_id"] == change["change_id"]:
            at = iso(each["effective_at"])
            why = f"{each['change_id']} is the id of another change, too, which is scheduled for {at}"
            return Rejected("change_conflict", why)
    return None

"""What each field of a command, an event or a contract means: for the published schemas and the reference.

A field means the same wherever it occurs. Where it does not, a line of its own counts: `Shape.field`, or
`command.field` for the data of all commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from schemas.commands import COMMANDS, PROTECTED
from schemas.fields import FIELDS

if TYPE_CHECKING:
    from schemas.events import DeadLetterCode, OutcomeName, RejectionCode

MEANINGS: Final[dict[str, str]] = {
    **{name: about.meaning for name, about in FIELDS.items()},
    # parts of it
    "lifecycle": "From an export of this service: with it, the contract goes on as the same one.",
    "anchor_day": "Day of the month on which computed ends fall, where the month has it.",
    "end_given": "Whether `end_date` was given by a command; a computed one moves with a draft's start.",
    "noticed": "The window, in days, of the running term's last notice; null: none was given.",
    "lapse_noticed": "The window of the running term's last expiring event; null: none was given.",
    "trade_volume_tiers": "Tiers by the number of trades in a month: sorted, without overlap.",
    "trade_value_tiers": "By the value traded in a month: sorted, without overlap.",
    "min_trades": "From this many trades on.",
    "max_trades": "Up to, but not including, this many; null in the last tier: without end.",
    "price_per_trade": "Price of one trade.",
    "min_value": "From this value on.",
    "max_value": "Up to, but not including, this value; null in the last tier: without end.",
    "percentage_fee": "Per cent of the value traded.",
    "max_monthly_trades": "Maximum number of trades in a month.",
    "max_trade_value": "Value traded in a month.",
    "max_concurrent_trades": "Maximum number of trades at the same time.",
    "sla_threshold_seconds": "Maximum time to serve a trade, in seconds.",
    "usage": "What was used in the last periods, as far as it was reported.",
    "reached": "The highest threshold that was told of; null: none.",
    "name": "Full name.",
    "AddOn.name": "Name of the add-on.",
    "email": "E-mail address.",
    "phone": "Telephone number.",
    "role": "Role of the contact.",
    "monthly_fee": "Monthly fee, in addition to the contract's.",
    "active": "Whether it counts now; default: yes.",
    "uptime_guarantee": "Guaranteed uptime, in per cent.",
    "response_time_guarantee": "Guaranteed response time, in seconds.",
    "penalty_terms": "Penalty if the guarantee is not met.",
    "kind": "What will happen.",
    "overrides": "Terms set on top of the plan's template.",
    "requested_at": "Record time of the command that scheduled it.",
    # commands
    "command.contract_id": "Refused with `contract_id_mismatch` if the account's contract is another one.",
    "adopt.contract_id": "As it is in the older system.",
    "advance.contract_id": "The contract that the scanner saw.",
    "create.status": "Default: `active`.",
    "create.start_date": "Default: now.",
    "create.end_date": "Exclusive; default: `term_months` after the start.",
    "create.term_months": "Default: 12, or the months between a given start and end.",
    "create.auto_renewal": "Whether it renews at its end when nobody acts; default: yes.",
    "requested_by": "Who asked for it; default: the command's source.",
    "expected_version": "Refused with `version_conflict` if the contract has another version.",
    "changes": "JSON merge patch (RFC 7396): null removes an optional field.",
    "effective": "When it happens; default: immediately.",
    "reason": "Why.",
    "period": "Calendar month in UTC; the running one or the last.",
    "metric": "What is counted: trades and their value in sum, concurrent trades at their peak.",
    "value": "So far in the period; of trades a whole number.",
    "due_at": "Due time that the scanner found.",
    # events
    "change": "What happened.",
    "contract": "Its full state after the change; of a deleted one the last.",
    "changed_fields": "Each difference to the version before.",
    "path": "JSON Pointer of the field; empty: the whole.",
    "before": "Value before; not there if there was none.",
    "after": "Value after; not there if there is none.",
    "erased": "True if the values were personal data and are left out.",
    "ScheduledChange.effective_at": "When it will happen.",
    "effective_at": "When it was due.",
    "occurred_at": "When it was applied: the record time of the command.",
    "command": "The command that caused it.",
    "id": "`ce_id` of the command.",
    "source": "`ce_source` of the command.",
    "type": "`ce_type` of the command.",
    "days_left": "Days to the end, rounded up.",
    "window_days": "The notice window that was reached.",
    "missed_windows": "Wider windows that were never noticed, as it was too late.",
    "changed.reason": "Why it was deleted, if the command said why.",
    "expiring.reason": "Why it lapses.",
    "renewal_notice.reason": "Why it lapses, if it does.",
    "next_term": "What will happen at the end of the term.",
    "recipients": "Contacts with an e-mail address, each address once.",
    "action": "What happens.",
    "on": "When: the end of the running term.",
    "NextTerm.contract_type": "The plan it renews on.",
    "monthly_total": "Fee and active add-ons of the next term.",
    "until": "End of the next term.",
    "contact": "Which of the contacts.",
    "threshold": "The highest one crossed, in per cent of the limit.",
    "skipped_thresholds": "Lower ones crossed at the same time, which get no event of their own.",
    "limit": "As the contract has it now.",
    "limit_reached.value": "What was used in the period so far.",
    "percent": "Of the limit, rounded down.",
    "limit_reached.days_left": "Days to the end of the period, rounded up.",
    "projected_value": "At the end of the period, if it goes on as so far; of a peak, the peak.",
    "overage": "What the contract's tiers charge for this usage so far.",
    "trade_volume_fee": "For the trades known, by the tiers of their number.",
    "trade_value_fee": "For the value known, by the tiers of the value.",
    "total": "Both together.",
    "covering_plan": "Left out where there is none, or it has another currency.",
    "CoveringPlan.contract_type": "Which plan; it can be the present one.",
    "CoveringPlan.base_monthly_fee": "Its fee.",
    "difference": "Its fee less the present one; below 0 where it is cheaper.",
    "outcome": "Outcome of the command.",
    "code": "Why it was refused.",
    "message": "The reason as text.",
    "FieldError.path": "JSON Pointer into the command's data; empty: the whole.",
    "FieldError.message": "What is wrong there.",
    "errors": "Each mistake, with its path in the data.",
    "command_result.contract_id": "The contract it was about, if there is one.",
    "command_result.version": "Version of the contract after the command.",
    "processed_at": "Record time of the command.",
}

OUTCOMES: Final[dict[OutcomeName, str]] = {
    "applied": "the contract changed",
    "unchanged": "there was nothing to do",
    "rejected": "refused: `code`, `message` and `errors` say why; only what was due has happened",
    "duplicate": "this very command was seen before; the message names what became of the first",
}

REJECTIONS: Final[dict[RejectionCode, str]] = {
    "id_reused": "the id was another command's before: of another type, or with other data",
    "contract_not_found": "the account has no contract",
    "contract_exists": "the account has one that has not ended, or that has this contract_id",
    "contract_id_taken": "another account has, or had, the contract with this contract_id",
    "contract_id_mismatch": "the account's contract is another one than `contract_id` says",
    "version_conflict": "the contract has another version than `expected_version` says",
    "invalid_transition": "its status does not allow it",
    "protected_field": "an update sets a field that it may not set, or not in this status",
    "period_closed": "usage of a period before the last one",
    "period_ahead": "usage of a period that has not begun",
    "invalid_terms": "the contract that would come of it breaks a rule: dates, tiers, limits, size",
}
"""In the order of the checks."""

DEAD_LETTERS: Final[dict[DeadLetterCode, str]] = {
    "malformed": "the value is not JSON as it must be, or too large",
    "bad_envelope": "an attribute of CloudEvents is missing or wrong",
    "unknown_type": "there is no such command, or not in this version",
    "key_mismatch": "the key is missing, no account id, or another than the subject",
    "wrong_partition": "it was forwarded to its home once, and still is not there",
    "schema_violation": "the data does not fit the published schema",
    "unreadable": "the Kafka client cannot read the record",
    "refused_by_database": "MongoDB refuses what would come of it",
}


def meaning_of(shape: str, field: str) -> str:
    """What a field means in a shape or message (`AddOn`, `expiring`)."""
    places = (f"{shape}.{field}", *((f"command.{field}",) if shape in COMMANDS else ()), field)
    for place in places:
        if place in MEANINGS:
            return MEANINGS[place]
    raise KeyError(f"what {shape}.{field} means is not in schemas/meanings.py")


def explained(shape: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A JSON Schema with a description at each field; a field that refers to a definition has that one's."""
    if "properties" not in schema:
        return schema
    fields = {
        field: _explained(meaning_of(shape, field), body) for field, body in schema["properties"].items()
    }
    return schema | {"properties": fields}


def _explained(meaning: str, body: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in body:
        return body
    rules = body.get("description", "")
    return body | {"description": rules if rules.startswith(PROTECTED) else f"{meaning} {rules}".strip()}

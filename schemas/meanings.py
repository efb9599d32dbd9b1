"""The meaning of each field of commands, events and contracts, for the published schemas and the reference.

A field has the same meaning everywhere. An exception has a row of its own: `Shape.field`, or
`command.field` for the data of all commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from schemas.commands import COMMANDS
from schemas.fields import FIELDS
from schemas.terms import PROTECTED

if TYPE_CHECKING:
    from schemas.events import DeadLetterCode, OutcomeName, RejectionCode

MEANINGS: Final[dict[str, str]] = {
    **{name: about.meaning for name, about in FIELDS.items()},
    # parts of it
    "lifecycle": "From an export of this service: with it, the contract continues unchanged.",
    "anchor_day": "Day of the month on which computed ends fall, if the month has it.",
    "end_given": "Whether a command gave `end_date`. A computed one moves with the start of a draft.",
    "noticed": "Window of the running term's last notice, in days; null: there was none.",
    "lapse_noticed": "Window of the running term's last expiring event, in days; null: there was none.",
    "trade_volume_tiers": "Tiers by number of trades in a month: sorted, without overlap.",
    "trade_value_tiers": "Tiers by value traded in a month: sorted, without overlap.",
    "min_trades": "First number of trades in the tier.",
    "max_trades": "End of the tier, exclusive; null, in the last tier: no end.",
    "price_per_trade": "Price of one trade.",
    "min_value": "Lowest value in the tier.",
    "max_value": "End of the tier, exclusive; null, in the last tier: no end.",
    "percentage_fee": "Fee in percent of the value traded.",
    "max_monthly_trades": "Maximum number of trades in a month.",
    "max_trade_value": "Maximum value traded in a month.",
    "max_concurrent_trades": "Maximum number of trades at the same time.",
    "sla_threshold_seconds": "Maximum time to serve a trade, in seconds.",
    "has_paid": "Whether this contract, or one before it, has brought revenue. Set when it stops doing so.",
    "told_terms": "The renewal's terms in the running term's last notice.",
    "terms_version": "Version of the plan in `renewal_terms`, if the contract leaves that plan before.",
    "ToldTerms.contract_type": "Plan after the renewal.",
    "ToldTerms.base_monthly_fee": "Fee after the renewal.",
    "ToldTerms.term_months": "Number of months of the next terms.",
    "template_version": "Version of the plan's template; left out: the one in force when it is asked for.",
    "change_plan.template_version": "Default: the one in force; of the present plan the contract's own.",
    "CoveringPlan.template_version": "Version of its template; left out: 1.",
    "RenewalTerms.template_version": "Version of its template; left out: 1, or the contract's own.",
    "from_term": "First term with these terms; default: the next one.",
    "RenewalTerms.contract_type": "Plan after the renewal.",
    "RenewalTerms.base_monthly_fee": "Fee after the renewal; cannot be combined with `uplift_percent`.",
    "uplift_percent": "Increase of the fee in percent, with this renewal and every later one.",
    "cap": "Maximum fee after an uplift.",
    "RenewalTerms.term_months": "Number of months of the next terms.",
    "usage": "Reported usage of the last periods.",
    "reached": "Highest threshold for which `limit_reached` was published; null: none.",
    "name": "Full name.",
    "AddOn.name": "Name of the add-on.",
    "email": "E-mail address.",
    "phone": "Telephone number.",
    "role": "Role of the contact.",
    "monthly_fee": "Monthly fee, in addition to the contract's.",
    "active": "Whether the add-on counts now; default: yes.",
    "uptime_guarantee": "Guaranteed uptime, in percent.",
    "response_time_guarantee": "Guaranteed response time, in seconds.",
    "penalty_terms": "Penalty if the guarantee is not met.",
    "kind": "Kind of the scheduled change.",
    "change_id": "Id of the change, unique among scheduled ones; default: computed from the command's id.",
    "ScheduledChange.change_id": "Id of the change; its kind, if `cancel` or `change_plan` scheduled it.",
    "withdraw_change.change_id": "Id of the change.",
    "at": "When the change happens; must be in the future.",
    "at_renewal": "True: the change happens at the beginning of the next term.",
    "Phase.from_term": "Number of the term at whose beginning the change happens.",
    "schedule_change.from_term": "Number of the term at whose beginning the change happens.",
    "ScheduledChange.from_term": "Number of the term at whose beginning it happens; absent: at a fixed time.",
    "phases": "Changes to schedule with the new contract; fields as in `schedule_change`.",
    "overrides": "Terms that differ from the plan's template.",
    "requested_at": "Record time of the command that scheduled it.",
    # commands
    "command.contract_id": "Rejected with `contract_id_mismatch` if the account has another contract.",
    "adopt.contract_id": "Id of the contract in the other system.",
    "advance.contract_id": "The contract that the scanner found.",
    "create.status": "Default: `active`.",
    "create.start_date": "Default: now.",
    "create.end_date": "End of the term, exclusive; default: `term_months` after the start.",
    "create.term_months": "Default: 12, or the number of months between a given start and end.",
    "create.auto_renewal": "Whether the contract renews at its end when nobody acts; default: yes.",
    "requested_by": "Who requested the change; default: the command's source.",
    "expected_version": "Rejected with `version_conflict` if the contract has another version.",
    "changes": "JSON merge patch (RFC 7396): null removes an optional field.",
    "effective": "When the change happens; default: immediately.",
    "reason": "Reason, as text.",
    "period": "Calendar month in UTC: the current or the previous one.",
    "metric": "What is counted: the total of trades or of their value, or the peak of concurrent trades.",
    "value": "Usage in the period so far; for trades a whole number.",
    "publish_state": "True: publish the account's current contract to `contracts.state` again.",
    "accept_offer.effective": "When the terms take effect; default: at the renewal.",
    "offer_id": "Id of the offer; unique among open offers.",
    "terms": "Changes that the renewal would make.",
    "valid_until": "When an unanswered offer ends, exclusive.",
    "Offer.requested_at": "Record time of the command that made the offer.",
    "due_at": "Due time in the contract that the scanner found.",
    # events
    "change": "Kind of the change.",
    "contract": "Full state of the contract after the change; for `deleted`, its last state.",
    "changed_fields": "Each field that differs from the previous version.",
    "path": "JSON Pointer of the field; empty: the whole contract.",
    "before": "Value before the change; absent if there was none.",
    "after": "Value after the change; absent if there is none.",
    "erased": "True if the values were personal data and are left out.",
    "recurring": "Monthly revenue before and after the change; absent in events of version 0.1.",
    "Recurring.before": "Fee and active add-ons before the change; 0 if the contract was not running.",
    "Recurring.after": "Fee and active add-ons after the change; 0 if the contract is not running.",
    "movement": "Kind of the movement; `none` if both are the same.",
    "proration": "Amount due for the rest of the month, if the fee changed within it.",
    "from": "First day with the new fee, from midnight UTC.",
    "to": "End of the month, or of the term if that is earlier; exclusive.",
    "days": "Number of days with the new fee.",
    "of_days": "Number of days in the whole month.",
    "credit": "Old fee for these days, which was paid before.",
    "charge": "New fee for these days.",
    "net": "Charge minus credit; negative if the fee decreased.",
    "ScheduledChange.effective_at": "When the change will happen, by the present lengths of terms.",
    "effective_at": "When the change was due.",
    "occurred_at": "When the change was applied: the record time of the command.",
    "command": "The command that caused this message.",
    "id": "`ce_id` of the command.",
    "source": "`ce_source` of the command.",
    "type": "`ce_type` of the command.",
    "days_left": "Number of days to the end, rounded up.",
    "window_days": "The notice window that was reached.",
    "missed_windows": "Wider windows for which it was too late to send a notice.",
    "changed.reason": "Reason in the command that deleted the contract, if it had one.",
    "expiring.reason": "Why the contract lapses.",
    "renewal_notice.reason": "Why the contract lapses, if it does.",
    "terms_changed": "True if this notice is sent again because the renewal's terms have changed.",
    "renewal_fee": "The fee before and after the renewal; absent if the contract has no `renewal_terms`.",
    "RenewalFee.before": "Fee now.",
    "RenewalFee.after": "Fee after the renewal.",
    "next_term": "What will happen at the end of the term.",
    "recipients": "Contacts with an e-mail address, each address once.",
    "action": "Whether the contract renews or lapses.",
    "on": "End of the running term.",
    "NextTerm.contract_type": "Plan of the next term.",
    "monthly_total": "Fee and active add-ons of the next term.",
    "until": "End of the next term.",
    "contact": "Which contact of the contract.",
    "threshold": "Highest threshold crossed, in percent of the limit.",
    "skipped_thresholds": "Lower thresholds crossed at the same time, which get no event of their own.",
    "limit": "The contract's limit.",
    "limit_reached.value": "Usage in the period so far.",
    "percent": "Usage in percent of the limit, rounded down.",
    "limit_reached.days_left": "Number of days to the end of the period, rounded up.",
    "projected_value": "Usage at the end of the period at the same rate; for a peak, the peak so far.",
    "overage": "Charge for this usage so far, by the contract's tiers.",
    "trade_volume_fee": "Charge for the number of trades reported, by `trade_volume_tiers`.",
    "trade_value_fee": "Charge for the value reported, by `trade_value_tiers`.",
    "total": "Sum of both charges.",
    "covering_plan": "The cheapest plan for the projected usage; absent if there is none in this currency.",
    "CoveringPlan.contract_type": "The plan; it can be the current one.",
    "CoveringPlan.base_monthly_fee": "Fee of the plan.",
    "difference": "Fee of the plan minus the current fee; negative if the plan is cheaper.",
    "state.contract": "The current contract.",
    "position": "`ce_sequence` of the last change that this state includes; later events are not in it.",
    "outcome": "Outcome of the command.",
    "code": "Why the command was rejected.",
    "message": "The reason as text.",
    "FieldError.path": "JSON Pointer into the command's data; empty: all of it.",
    "FieldError.message": "What is wrong at this path.",
    "errors": "Each mistake, with its path in the data.",
    "command_result.contract_id": "The contract that the command concerns, if there is one.",
    "command_result.version": "Version of the contract after the command.",
    "processed_at": "Record time of the command.",
}

OUTCOMES: Final[dict[OutcomeName, str]] = {
    "applied": "the contract changed",
    "unchanged": "there was nothing to do",
    "rejected": "`code`, `message` and `errors` say why; only changes that were due were applied",
    "duplicate": "the same command was applied before; `message` names its outcome",
}

REJECTIONS: Final[dict[RejectionCode, str]] = {
    "id_reused": "an earlier command had the same id, with another type or other data",
    "contract_not_found": "the account has no contract",
    "contract_exists": "the account has a contract that has not ended, or that has this contract_id",
    "contract_id_taken": "another account has, or had, a contract with this contract_id",
    "contract_id_mismatch": "the account's contract has another id than `contract_id`",
    "version_conflict": "the contract has another version than `expected_version`",
    "invalid_transition": "the contract's status does not allow the command",
    "protected_field": "an update sets a field that updates cannot set, or cannot set in this status",
    "period_closed": "the usage is of a period before the previous one",
    "period_ahead": "the usage is of a period that has not begun",
    "offer_not_found": "there is no open offer with this `offer_id`",
    "change_not_found": "there is no scheduled change with this `change_id`",
    "invalid_terms": "the resulting contract would break a rule: dates, tiers, limits, size",
    "change_conflict": "the change contradicts another scheduled change; the message names both ids",
}
"""In the order of the checks."""

DEAD_LETTERS: Final[dict[DeadLetterCode, str]] = {
    "malformed": "the value is not valid JSON, or is too large",
    "bad_envelope": "a CloudEvents attribute is missing or wrong",
    "unknown_type": "the command, or this version of it, does not exist",
    "key_mismatch": "the key is missing, is not an account id, or differs from the subject",
    "wrong_partition": "the command was already forwarded to its home once, and is still not there",
    "schema_violation": "the data does not fit the published schema",
    "unreadable": "the Kafka client cannot read the record",
    "refused_by_database": "MongoDB refuses the resulting document",
}


def meaning_of(shape: str, field: str) -> str:
    """The meaning of a field in a shape or message (`AddOn`, `expiring`)."""
    places = (f"{shape}.{field}", *((f"command.{field}",) if shape in COMMANDS else ()), field)
    for place in places:
        if place in MEANINGS:
            return MEANINGS[place]
    raise KeyError(f"schemas/meanings.py has no meaning for {shape}.{field}")


def explained(shape: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A JSON Schema with a description for each field, unless the definition it refers to has one."""
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

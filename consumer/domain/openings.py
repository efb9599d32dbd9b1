"""How a contract comes to be: created from a template, or adopted from an older system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from consumer.domain import rules
from consumer.domain.dates import add_months, months_between
from consumer.domain.model import Rejected
from consumer.domain.schedule import with_window
from consumer.domain.terms import TEMPLATES, merge
from schemas.contract import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from consumer.domain.lifecycle import Moment
    from consumer.domain.model import Command, Policy
    from schemas.contract import Contract, Lifecycle
    from schemas.events import FieldError

_OF_THE_COMMAND: Final = frozenset({"requested_by", "contract_id", "expected_version"})


def new_contract_id(command: Command, recorded_at: datetime) -> str:
    """The same command always makes the same id."""
    return f"contract_{recorded_at:%Y%m%d_%H%M%S}_{command.identity.hex()[:12]}"


def new_object_id(command: Command, recorded_at: datetime) -> bytes:
    """The 12 bytes of an ObjectId: seconds, then identity."""
    seconds = int(recorded_at.timestamp()) & 0xFFFFFFFF
    return seconds.to_bytes(4, "big") + command.identity[:8]


def create(command: Command, recorded_at: datetime, moment: Moment, policy: Policy) -> Contract | Rejected:
    """A new contract: what the command leaves out comes from the template of its type."""
    given = {name: value for name, value in command.data.items() if name not in _OF_THE_COMMAND}
    if errors := _missing(given):
        return Rejected("invalid_terms", rules.SUMMARY, errors)
    start = given.get("start_date", moment.now)
    months, end = _first_term(given, start)
    contract = cast(
        "Contract",
        {
            "_id": new_object_id(command, recorded_at),
            "contract_id": new_contract_id(command, recorded_at),
            "account_id": command.account_id,
            "contract_type": given["contract_type"],
            "status": "active",
            "start_date": start,
            "end_date": end,
            "term_start": start,
            "term_number": 1,
            "renewal_date": end,
            "auto_renewal": True,
            "term_months": months,
            "renewal_window_days": policy.renewal_window_days,
            "renewal_grace_days": policy.renewal_grace_days,
            "notice_days": list(policy.notice_days),
            **_template(given),
            "currency": "USD",
            "tags": [],
            "add_ons": [],
            "metadata": {},
            "scheduled_changes": [],
            "created_at": moment.now,
            "updated_at": moment.now,
            "created_by": moment.by,
            "last_modified_by": moment.by,
            "version": 1,
            "lifecycle": _lifecycle(moment, (end if "end_date" in given else start).day, "end_date" in given),
        },
    )
    contract = with_window(cast("Contract", merge(cast("Mapping[str, Any]", contract), given)))
    dating = next((name for name in ("end_date", "start_date", "term_months") if name in given), "")
    errors = rules.broken(cast("Mapping[str, Any]", contract), given) + rules.term(
        contract, moment.now, dating
    )
    return Rejected("invalid_terms", rules.SUMMARY, errors) if errors else contract


def _template(given: Mapping[str, Any]) -> dict[str, Any]:
    template = TEMPLATES.get(given["contract_type"])
    if template is None:
        return {"features": []}
    return {
        "base_monthly_fee": template.base_monthly_fee,
        "usage_limits": dict(template.usage_limits),
        "features": list(template.features),
    }


def _missing(given: Mapping[str, Any]) -> list[FieldError]:
    if given["contract_type"] != "custom":
        return []
    missing = [name for name in ("base_monthly_fee", "usage_limits") if name not in given]
    if "end_date" not in given and "term_months" not in given:
        missing.append("end_date")
    return [
        {"path": f"/{name}", "message": "is required: a custom contract has no template"} for name in missing
    ]


def _first_term(given: Mapping[str, Any], start: datetime) -> tuple[int, datetime]:
    if "end_date" in given:
        end = given["end_date"]
        return given.get("term_months", months_between(start, end)), end
    months = given.get("term_months", 12)
    return months, add_months(start, months, start.day)


def _lifecycle(moment: Moment, anchor_day: int, end_given: bool) -> Lifecycle:
    return {
        "schema_version": SCHEMA_VERSION,
        "offset": moment.offset,
        "at": moment.now,
        "next_action_at": None,
        "anchor_day": anchor_day,
        "end_given": end_given,
        "noticed": None,
        "lapse_noticed": None,
    }

"""Hypothesis strategies: everything that may stand in a contract or a history entry."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from schemas.contract import SCHEMA_VERSION
from tests.contract.storage.samples import contract, entry, kept

HOSTILE = [
    "$set",
    "$where",
    "a.b",
    ".",
    "$",
    "%",
    "%24",
    "%2E",
    "%25",
    "\x00",
    "a\x00b",
    "",
    "__proto__",
    "_id",
]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    [*HOSTILE, "\U0001f600", "\u202eright to left", "\x01\x1f\x7f", "e\u0301", "\ufffd", "{'$gt': ''}"]
)
keys = st.text(st.sampled_from("$.%\x00aé2E4😀"), max_size=6) | st.sampled_from(HOSTILE) | texts
instants = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
)
money = st.builds(
    lambda digits, places: Decimal(digits).scaleb(-places), st.integers(0, 10**15 - 1), st.integers(0, 8)
)
integers = st.integers(-(2**53) + 1, 2**53 - 1)

_overrides = st.fixed_dictionaries(
    {},
    optional={
        "base_monthly_fee": money,
        "usage_limits": st.fixed_dictionaries({}, optional={"max_trade_value": money | st.none()}),
        "features": st.lists(texts, max_size=2),
        "sla_terms": st.none(),
    },
)
_scheduled = st.fixed_dictionaries(
    {
        "kind": st.just("plan_change"),
        "effective_at": instants,
        "requested_by": texts,
        "requested_at": instants,
    },
    optional={"overrides": _overrides, "reason": texts},
)
_renewal_terms = st.fixed_dictionaries(
    {"from_term": integers},
    optional={"uplift_percent": money, "cap": money, "overrides": _overrides, "term_months": integers},
)
_offer = st.fixed_dictionaries(
    {
        "offer_id": texts,
        "terms": _renewal_terms,
        "valid_until": instants,
        "requested_by": texts,
        "requested_at": instants,
    }
)
_told_terms = st.fixed_dictionaries(
    {"contract_type": st.just("custom"), "base_monthly_fee": money, "term_months": integers}
)
_fields: dict[str, Any] = {
    "status": st.sampled_from(["draft", "active", "cancelled"]),
    "end_date": instants,
    "auto_renewal": st.booleans(),
    "base_monthly_fee": money,
    "usage_limits": st.fixed_dictionaries(
        {}, optional={"max_monthly_trades": integers, "sla_threshold_seconds": money}
    ),
    "usage_based_pricing": st.fixed_dictionaries(
        {
            "trade_value_tiers": st.lists(
                st.fixed_dictionaries(
                    {"min_value": money, "max_value": money | st.none(), "percentage_fee": money}
                ),
                max_size=2,
            )
        }
    ),
    "features": st.lists(texts, max_size=3),
    "add_ons": st.lists(st.fixed_dictionaries({"name": texts, "monthly_fee": money}), max_size=2),
    "notes": texts,
    "external_reference": texts,
    "metadata": st.dictionaries(keys, texts, max_size=5),
    "scheduled_changes": st.lists(_scheduled, max_size=2),
    "renewal_terms": _renewal_terms,
    "offers": st.lists(_offer, min_size=1, max_size=2),
    "version": st.integers(1, 2**40),
    "lifecycle": st.fixed_dictionaries(
        {
            "schema_version": st.just(SCHEMA_VERSION),
            "offset": st.integers(0, 2**60),
            "at": instants,
            "next_action_at": instants | st.none(),
            "anchor_day": st.integers(1, 31),
            "end_given": st.booleans(),
            "noticed": st.integers(1, 90) | st.none(),
            "lapse_noticed": st.none(),
            "size": st.integers(0, 2**16),
        },
        optional={"told_terms": _told_terms, "terms_version": st.integers(2, 2**31)},
    ),
}
OPTIONAL = ("usage_based_pricing", "notes", "external_reference", "primary_contact")


@st.composite
def contracts(draw: Any) -> Any:
    """A contract of the account "acme", always the same one, in any state."""
    changes = draw(st.fixed_dictionaries({}, optional=_fields))
    whole = contract(_id=draw(st.binary(min_size=12, max_size=12)), **changes)
    absent = draw(st.sets(st.sampled_from(OPTIONAL)))
    return {name: value for name, value in whole.items() if name not in absent}


# Of metadata each key is a difference of its own, and its name is part of the path.
_values = st.none() | st.one_of(*(_fields[name] for name in _fields if name not in {"metadata", "lifecycle"}))
_difference = st.fixed_dictionaries({"path": texts}, optional={"before": _values, "after": _values})
_kept = st.builds(kept, effective_at=instants, fields=st.lists(_difference, max_size=4))

entries = st.builds(
    entry,
    identity=st.binary(min_size=16, max_size=16),
    offset=st.integers(0, 2**60),
    occurred_at=instants,
    code=st.none() | texts,
    account_id=st.none() | texts,
    contract_id=st.none() | texts,
    version=st.none() | st.integers(1, 2**40),
    command_id=st.none() | texts,
    requested_by=st.none() | texts,
    changes=st.none() | st.lists(_kept, max_size=3),
)

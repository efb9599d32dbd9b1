"""Contracts of an older system, as `adopt` takes them."""

from __future__ import annotations

from tests.unit.domain.story import Account

NOW = "2026-12-20"

WHOLE = {
    "contract_id": "legacy-7",
    "contract_type": "professional",
    "status": "active",
    "start_date": "2024-01-01T00:00:00Z",
    "end_date": "2027-01-31T00:00:00Z",
    "term_start": "2026-01-01T00:00:00Z",
    "term_number": 3,
    "renewal_date": "2027-01-10T00:00:00Z",
    "auto_renewal": False,
    "term_months": 12,
    "renewal_window_days": 30,
    "renewal_grace_days": 10,
    "notice_days": [60, 30, 5],
    "base_monthly_fee": 250.5,
    "currency": "EUR",
    "usage_limits": {"max_monthly_trades": 9},
    "features": ["x"],
    "tags": ["old"],
    "add_ons": [{"name": "a", "monthly_fee": 1}],
    "metadata": {"k": "v"},
    "scheduled_changes": [
        {
            "kind": "plan_change",
            "effective_at": "2027-01-31T00:00:00Z",
            "contract_type": "enterprise",
            "requested_by": "ada",
            "requested_at": "2026-05-01T00:00:00Z",
        }
    ],
    "created_at": "2023-12-01T00:00:00Z",
    "updated_at": "2026-05-01T00:00:00Z",
    "created_by": "ada",
    "last_modified_by": "bob",
    "version": 17,
}
LEAST = {
    name: WHOLE[name]
    for name in (
        "contract_id",
        "contract_type",
        "status",
        "start_date",
        "end_date",
        "base_monthly_fee",
        "usage_limits",
    )
}


def adopted(**changed) -> Account:
    data = {name: value for name, value in (LEAST | changed).items() if value is not None}
    return Account(NOW).send("adopt", **data)

"""Examples of every command and event: published with the schemas, and tested against them."""

from __future__ import annotations

from typing import Any, Final

ACCOUNT_ID: Final = "acct-2741"
CONTRACT_ID: Final = "contract_20260115_093000_4f1c2a9b7d03"
COMMAND_ID: Final = "5f2a7c1e-9a63-4a3e-8a0e-6f5a2b1c9d10"

CONTRACT: Final[dict[str, Any]] = {
    "contract_id": CONTRACT_ID,
    "account_id": ACCOUNT_ID,
    "contract_type": "professional",
    "status": "active",
    "start_date": "2026-01-15T09:30:00Z",
    "end_date": "2027-01-15T09:30:00Z",
    "term_start": "2026-01-15T09:30:00Z",
    "term_number": 1,
    "renewal_date": "2026-12-16T09:30:00Z",
    "auto_renewal": True,
    "term_months": 12,
    "renewal_window_days": 30,
    "renewal_grace_days": 30,
    "notice_days": [90, 60, 30, 14, 7, 1],
    "base_monthly_fee": 299,
    "currency": "USD",
    "usage_limits": {"max_monthly_trades": 50_000, "max_trade_value": 500_000, "sla_threshold_seconds": 20},
    "primary_contact": {"name": "Ada Okafor", "email": "ada.okafor@example.com", "role": "Head of Trading"},
    "features": ["advanced_analytics", "priority_support", "custom_dashboards", "api_access"],
    "tags": [],
    "add_ons": [{"name": "market_data", "monthly_fee": 49.5, "active": True}],
    "metadata": {"crm_id": "0015e000"},
    "scheduled_changes": [],
    "created_at": "2026-01-15T09:30:00Z",
    "updated_at": "2026-01-15T09:30:00Z",
    "created_by": "crm:mlee",
    "last_modified_by": "crm:mlee",
    "version": 1,
}

COMMAND_EXAMPLES: Final[dict[str, list[dict[str, Any]]]] = {
    "create.v1": [
        {"contract_type": "professional", "requested_by": "crm:mlee"},
        {
            "contract_type": "custom",
            "status": "draft",
            "start_date": "2026-03-01",
            "term_months": 24,
            "auto_renewal": False,
            "base_monthly_fee": 1450.75,
            "currency": "EUR",
            "usage_based_pricing": {
                "trade_volume_tiers": [
                    {"min_trades": 0, "max_trades": 10_000, "price_per_trade": 0.025},
                    {"min_trades": 10_000, "max_trades": None, "price_per_trade": 0.0175},
                ]
            },
            "usage_limits": {"max_monthly_trades": 250_000, "max_concurrent_trades": 40},
            "primary_contact": {"name": "Ada Okafor", "email": "ada.okafor@example.com"},
            "add_ons": [{"name": "market_data", "monthly_fee": 49.5, "active": True}],
            "sla_terms": {"uptime_guarantee": 99.95, "response_time_guarantee": 0.25},
            "external_reference": "PO-88213",
        },
        {
            "contract_type": "professional",
            "base_monthly_fee": 149,
            "phases": [
                {"kind": "amendment", "from_term": 2, "changes": {"base_monthly_fee": 224}},
                {"kind": "amendment", "from_term": 3, "changes": {"base_monthly_fee": 299}},
            ],
        },
    ],
    "adopt.v1": [
        {
            "contract_id": "legacy-000714",
            "contract_type": "basic",
            "status": "active",
            "start_date": "2024-05-01T00:00:00Z",
            "end_date": "2026-05-01T00:00:00Z",
            "base_monthly_fee": 79,
            "usage_limits": {"max_monthly_trades": 10_000},
            "created_at": "2024-04-22T14:03:11.250Z",
            "created_by": "legacy",
        }
    ],
    "update.v1": [
        {
            "changes": {"base_monthly_fee": 279.5, "notes": "Loyalty discount.", "billing_contact": None},
            "expected_version": 1,
            "requested_by": "crm:mlee",
        },
        {"changes": {"renewal_terms": {"uplift_percent": 4.5, "cap": 350}}},
    ],
    "activate.v1": [{}],
    "change_plan.v1": [
        {
            "contract_type": "enterprise",
            "effective": "at_renewal",
            "overrides": {"base_monthly_fee": 899, "usage_limits": {"max_monthly_trades": 120_000}},
            "requested_by": "upsell",
        }
    ],
    "withdraw_plan_change.v1": [{"requested_by": "crm:mlee"}],
    "renew.v1": [{"term_months": 24}, {"end_date": "2028-01-15T00:00:00Z"}],
    "cancel.v1": [{"effective": "end_of_term", "reason": "Consolidating vendors."}],
    "withdraw_cancellation.v1": [{"requested_by": "crm:mlee"}],
    "delete.v1": [{"reason": "Opened by mistake.", "contract_id": CONTRACT_ID}],
    "erase.v1": [{"requested_by": "privacy-desk"}],
    "report_usage.v1": [{"period": "2026-01", "metric": "monthly_trades", "value": 41_250}],
    "offer_renewal.v1": [
        {
            "offer_id": "two-years-2027",
            "terms": {
                "contract_type": "enterprise",
                "overrides": {"base_monthly_fee": 899},
                "uplift_percent": 3,
                "term_months": 24,
            },
            "valid_until": "2100-12-01",
            "requested_by": "upsell",
        }
    ],
    "accept_offer.v1": [{"offer_id": "two-years-2027", "effective": "at_renewal", "requested_by": "portal"}],
    "decline_offer.v1": [{"offer_id": "two-years-2027"}],
    "withdraw_offer.v1": [{"offer_id": "two-years-2027"}],
    "schedule_change.v1": [
        {
            "change_id": "summer-2100",
            "kind": "amendment",
            "at": "2100-07-01",
            "changes": {"base_monthly_fee": 349, "usage_limits": {"max_monthly_trades": 60_000}},
            "requested_by": "crm:mlee",
        },
        {"kind": "plan_change", "from_term": 3, "contract_type": "enterprise"},
        {"kind": "cancellation", "at_renewal": True, "reason": "Moving to another platform."},
    ],
    "withdraw_change.v1": [{"change_id": "summer-2100"}],
    "advance.v1": [{"contract_id": CONTRACT_ID, "due_at": "2026-12-16T09:30:00Z"}],
}

_TERMS: Final[dict[str, Any]] = {
    "account_id": ACCOUNT_ID,
    "contract_id": CONTRACT_ID,
    "contract_type": "professional",
    "end_date": "2027-01-15T09:30:00Z",
    "days_left": 30,
    "window_days": 30,
    "base_monthly_fee": 299,
    "currency": "USD",
    "primary_contact": CONTRACT["primary_contact"],
    "features": CONTRACT["features"],
    "effective_at": "2026-12-16T09:30:00Z",
    "occurred_at": "2026-12-16T09:30:41.207000Z",
}

EVENT_EXAMPLES: Final[dict[str, list[dict[str, Any]]]] = {
    "changed.v1": [
        {
            "change": "updated",
            "contract": CONTRACT
            | {"base_monthly_fee": 279.5, "version": 2, "updated_at": "2026-02-03T11:04:09.512000Z"},
            "changed_fields": [{"path": "/base_monthly_fee", "before": 299, "after": 279.5}],
            "version": 2,
            "effective_at": "2026-02-03T11:04:09.512000Z",
            "occurred_at": "2026-02-03T11:04:09.512000Z",
            "command": {"id": COMMAND_ID, "source": "/crm", "type": "com.easytrade.contract.update.v1"},
            "requested_by": "crm:mlee",
            "recurring": {"before": 348.5, "after": 329, "movement": "contraction"},
            "proration": {
                "from": "2026-02-03T00:00:00Z",
                "to": "2026-02-15T00:00:00Z",
                "days": 12,
                "of_days": 31,
                "credit": 134.9,
                "charge": 127.35,
                "net": -7.55,
            },
        }
    ],
    "expiring.v1": [_TERMS | {"reason": "no_auto_renewal"}],
    "renewal_notice.v1": [
        _TERMS
        | {
            "term_number": 1,
            "missed_windows": [90, 60],
            "next_term": {
                "action": "renews",
                "on": "2027-01-15T09:30:00Z",
                "contract_type": "professional",
                "monthly_total": 348.5,
                "until": "2028-01-15T09:30:00Z",
            },
            "recipients": [{"contact": "primary", "name": "Ada Okafor", "email": "ada.okafor@example.com"}],
        }
    ],
    "limit_reached.v1": [
        {
            "account_id": ACCOUNT_ID,
            "contract_id": CONTRACT_ID,
            "contract_type": "professional",
            "period": "2026-03",
            "metric": "monthly_trades",
            "threshold": 80,
            "skipped_thresholds": [],
            "limit": 50_000,
            "value": 41_250,
            "percent": 82.5,
            "days_left": 11,
            "projected_value": 62_175,
            "overage": {"trade_volume_fee": 0, "trade_value_fee": 0, "total": 0},
            "base_monthly_fee": 299,
            "currency": "USD",
            "covering_plan": {
                "contract_type": "enterprise",
                "base_monthly_fee": 999,
                "difference": 700,
            },
            "primary_contact": CONTRACT["primary_contact"],
            "effective_at": "2026-03-21T13:35:11.042000Z",
            "occurred_at": "2026-03-21T13:35:11.042000Z",
        }
    ],
    "state.v1": [
        {"contract": CONTRACT, "version": 1, "position": "0000000000000002741.00000"},
    ],
    "command_result.v1": [
        {
            "command": {"id": COMMAND_ID, "source": "/crm", "type": "com.easytrade.contract.update.v1"},
            "outcome": "applied",
            "contract_id": CONTRACT_ID,
            "version": 2,
            "processed_at": "2026-02-03T11:04:09.512000Z",
        },
        {
            "command": {"id": "7b0c", "source": "/crm", "type": "com.easytrade.contract.update.v1"},
            "outcome": "rejected",
            "code": "schema_violation",
            "message": "/changes/end_dat unknown field; did you mean `end_date`?",
            "errors": [
                {"path": "/changes/end_dat", "message": "unknown field; did you mean `end_date`?"},
            ],
            "processed_at": "2026-02-03T11:05:30.001000Z",
        },
    ],
}

"""Contracts, and their time."""

from __future__ import annotations

from typing import Final

from ops.grafana.parts import Dashboard, Panel, Row, metric, now, quantiles, rate, stat, total


def _moved(movements: str) -> str:
    """A day, by movement and currency."""
    moved = rate("revenue_moved_total", "movement, currency", f'movement=~"{movements}"')
    return f"86400 * {moved}"


CONTRACTS: Final = Dashboard(
    "contracts-contracts",
    "Contracts: contracts and revenue",
    "What is stored, what it brings in, and what happens to it.",
    (
        Row("Stored"),
        stat("Contracts", "All that are stored.", "short", now("stored"), width=8),
        stat(
            "Active",
            "Active ones, those about to end included.",
            "short",
            now("stored", 'status=~"active|pending_renewal"'),
            width=8,
        ),
        stat(
            "Changes",
            "Changes of contracts, per second.",
            "ops",
            total("events_published_total", 'event="changed"'),
            width=8,
        ),
        Panel(
            "By status",
            "Stored contracts by status.",
            "short",
            ((f"sum by (status) ({metric('stored')})", "{{status}}"),),
            width=12,
            stacked=True,
        ),
        Panel(
            "By type",
            "Stored contracts by type.",
            "short",
            ((f"sum by (contract_type) ({metric('stored')})", "{{contract_type}}"),),
            width=12,
            stacked=True,
        ),
        Row("Revenue"),
        Panel(
            "Monthly revenue",
            "Fees and active add-ons a month of active and renewing contracts, each currency by itself.",
            "short",
            ((f"sum by (currency) ({metric('monthly_revenue')})", "{{currency}}"),),
            width=12,
        ),
        Panel(
            "Monthly revenue by type",
            "The same by type and currency.",
            "short",
            (
                (
                    f"sum by (contract_type, currency) ({metric('monthly_revenue')})",
                    "{{contract_type}}, {{currency}}",
                ),
            ),
            width=12,
        ),
        Panel(
            "Movements of monthly revenue",
            "A day: what comes in (new, expansion, reactivation) and, below 0, what goes out (contraction, churn).",
            "short",
            (
                (_moved("new|expansion|reactivation"), "{{movement}}, {{currency}}"),
                (f"-1 * {_moved('contraction|churn')}", "{{movement}}, {{currency}}"),
            ),
            width=24,
            stacked=True,
        ),
        Row("What happens"),
        Panel(
            "Events",
            "Events and results committed to their topics.",
            "ops",
            ((rate("events_published_total", "event"), "{{event}}"),),
            width=12,
            stacked=True,
        ),
        Panel(
            "Rejected",
            "Commands that were refused, by type.",
            "ops",
            ((rate("commands_total", "type", 'outcome="rejected"'), "{{type}}"),),
            width=12,
            stacked=True,
        ),
    ),
)

RENEWALS: Final = Dashboard(
    "contracts-renewals",
    "Contracts: renewals and expiries",
    "Contracts whose time comes, and whether the scanner makes it pass.",
    (
        Row("Time"),
        stat(
            "Since the last scan",
            "Age of the last scan that succeeded.",
            "s",
            f"time() - max({metric('scan_last_success_timestamp_seconds')})",
            300,
            900,
            width=8,
        ),
        stat(
            "Due",
            "Contracts with something due that the last scan found.",
            "short",
            f"max({metric('scan_due')})",
            width=8,
        ),
        stat(
            "About to end",
            "Contracts in their renewal window.",
            "short",
            now("stored", 'status="pending_renewal"'),
            width=8,
        ),
        Panel(
            "Due",
            "Contracts with something due, scan by scan.",
            "short",
            ((f"max by (instance) ({metric('scan_due')})", "{{instance}}"),),
        ),
        Panel(
            "Time of a scan",
            "How long a scan takes: with what is due, not with what is stored.",
            "s",
            quantiles("scan_duration_seconds"),
        ),
        Panel(
            "Ends within",
            "Contracts that end within so many days.",
            "short",
            ((f"max by (within_days) ({metric('expiring')})", "{{within_days}} days"),),
        ),
        Row("What it brings about"),
        Panel(
            "Notices and expiries",
            "Renewal notices, and contracts that will lapse unless somebody acts.",
            "ops",
            ((rate("events_published_total", "event", 'event=~"expiring|renewal_notice"'), "{{event}}"),),
            width=12,
        ),
        Panel(
            "Advanced",
            "Commands of the scanner, by what became of them.",
            "ops",
            ((rate("commands_total", "outcome", 'type="advance"'), "{{outcome}}"),),
            width=12,
        ),
        Row("Usage"),
        Panel(
            "Limits reached",
            "Contracts whose usage crossed a threshold, in per cent of the limit.",
            "ops",
            ((rate("limits_reached_total", "metric, threshold"), "{{metric}} {{threshold}} %"),),
            width=12,
        ),
        Panel(
            "Usage reports",
            "Reports of usage, by what became of them: most are unchanged where they come too often.",
            "ops",
            ((rate("commands_total", "outcome", 'type="report_usage"'), "{{outcome}}"),),
            width=12,
        ),
    ),
)

"""Contracts to look at in the console of a demo that stays up: each one shows something else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from producers.connect import make_command_producer
from producers.messages import unchecked_message

if TYPE_CHECKING:
    from consumer.settings import Settings

SOURCE: Final = "/demo"
YEAR: Final = timedelta(days=365)
WEEK: Final = timedelta(days=7)

LINES: Final = (
    ("lighthouse", "grows: a larger plan is scheduled for its renewal"),
    ("orchard", "ends in twelve days, and renews"),
    ("saltmarsh", "has lapsed: its term ended without a renewal"),
    ("harbour", "was taken over in its third term, uses more than its limit, is cancelled to the term's end"),
    ("meridian", "is a draft that nobody has activated yet"),
    ("quarry", "sent a command with a misspelt field: a dead letter"),
)
"""Accounts, and what each shows."""


async def tell(settings: Settings, now: datetime | None = None) -> None:
    """Sends the commands, each after the result of the one before.

    Raises:
        ContractsError: a server does not answer.
    """
    now = now or datetime.now(UTC).replace(microsecond=0)
    async with make_command_producer(settings, source=SOURCE) as producer:
        send = producer.awaiting()
        await send.create(
            "lighthouse",
            contract_type="professional",
            start_date=now - timedelta(days=240),
            primary_contact={"name": "Ida Keller", "email": "ida.keller@lighthouse.example"},
            tags=["pilot"],
            requested_by="crm:mlee",
        )
        await send.change_plan(
            "lighthouse", contract_type="enterprise", effective="at_renewal", requested_by="crm:mlee"
        )
        await send.create("lighthouse", contract_type="basic", requested_by="shop")  # refused: it has one
        await send.create(
            "orchard",
            contract_type="basic",
            start_date=now - YEAR + timedelta(days=12),
            external_reference="SO-4711",
            requested_by="shop",
        )
        await send.adopt(
            "saltmarsh",
            contract_id="contract_saltmarsh",
            contract_type="basic",
            status="active",
            start_date=now - YEAR - WEEK,
            end_date=now - WEEK,
            auto_renewal=False,
            base_monthly_fee=Decimal(99),
            usage_limits={"max_monthly_trades": 10_000},
            requested_by="migration",
        )
        await send.adopt(
            "harbour",
            contract_id="contract_harbour",
            contract_type="enterprise",
            status="active",
            start_date=now - 2 * YEAR - 13 * WEEK,
            end_date=now + YEAR - 13 * WEEK,
            term_start=now - 13 * WEEK,
            term_months=12,
            term_number=3,
            base_monthly_fee=Decimal(999),
            usage_limits={"max_monthly_trades": 100_000},
            requested_by="migration",
        )
        used = Decimal(120_000)
        await send.report_usage(
            "harbour", period=f"{now:%Y-%m}", metric="monthly_trades", value=used, requested_by="usage"
        )
        await send.cancel(
            "harbour", effective="end_of_term", reason="merges with another", requested_by="crm:mlee"
        )
        await send.create(
            "meridian",
            contract_type="custom",
            status="draft",
            term_months=24,
            base_monthly_fee=Decimal(4200),
            usage_limits={"max_monthly_trades": 500_000},
            notes="waits for a signature",
            requested_by="crm:mlee",
        )
        await send.create("quarry", contract_type="professional", requested_by="shop")
        misspelt = b'{"changes": {"auto_renewel": false}, "requested_by": "shop"}'
        await producer.sent(unchecked_message("update", "quarry", misspelt, source=SOURCE))

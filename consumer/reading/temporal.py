"""The upsell workflow's activity for Temporal. Needs the extra `temporal`.

async with contract_reader(load_settings()) as reader:
    worker = Worker(client, task_queue="upsell", workflows=[...],
                    activities=[ContractActivities(reader).fetch_contract])
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from consumer.domain.dates import days_left, iso
from consumer.errors import ContractNotFound, InputRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from consumer.reading.reader import ContractReader
    from consumer.reading.views import MetricUsage


@dataclass(frozen=True)
class UsageData:
    """The reported usage of a metric in a month (`2026-03`); `limit` and `percent` None: it has no limit."""

    period: str
    metric: str
    value: float
    limit: float | None
    percent: float | None


@dataclass(frozen=True)
class OfferData:
    """An offer that the customer has not answered yet; `valid_until` is RFC 3339 in UTC."""

    offer_id: str
    valid_until: str
    terms: dict[str, Any]


@dataclass(frozen=True)
class ContractData:
    """The data of a contract for the upsell workflow; JSON for Temporal's default converter.

    `contract_end_date` is RFC 3339 in UTC, `monthly_fee` without add-ons, `days_to_end` rounded up and
    negative after the end. Limits and SLA have those fields of the contract that are set. `usage` is
    that of this month and the last, `offers` are the open ones.
    """

    account_id: str
    contract_id: str
    current_plan: str
    contract_end_date: str
    status: str
    monthly_fee: float
    currency: str
    auto_renewal: bool
    days_to_end: int
    usage_limits: dict[str, float] = field(default_factory=dict)
    sla_terms: dict[str, Any] = field(default_factory=dict)
    features: list[str] = field(default_factory=list)
    usage: list[UsageData] = field(default_factory=list)
    offers: list[OfferData] = field(default_factory=list)


class ContractActivities:
    """Activities that use a reader; the caller closes it.

    Args:
        reader: of contracts.
        clock: aware UTC.
    """

    def __init__(
        self, reader: ContractReader, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._reader = reader
        self._clock = clock

    @activity.defn(name="fetch_contract")
    async def fetch_contract(self, account_id: str) -> ContractData:
        """The account's current contract.

        Raises:
            ApplicationError: of type InputRefused, not to be retried: `account_id` is not text.
            ApplicationError: of type ContractNotFound, not to be retried: the account has no contract.
            ServiceUnavailable: MongoDB does not answer; Temporal tries again.
        """
        try:
            contract = await self._reader.by_account(account_id)
            usage = await self._reader.usage(account_id)
        except InputRefused as error:
            raise ApplicationError(str(error), type=InputRefused.__name__, non_retryable=True) from error
        if contract is None:
            message = f"account {account_id} has no contract"
            raise ApplicationError(message, type=ContractNotFound.__name__, non_retryable=True)
        return ContractData(
            account_id=account_id,
            contract_id=contract["contract_id"],
            current_plan=contract["contract_type"],
            contract_end_date=_plain(contract["end_date"]),
            status=contract["status"],
            monthly_fee=float(contract["base_monthly_fee"]),
            currency=contract["currency"],
            auto_renewal=contract["auto_renewal"],
            days_to_end=days_left(contract["end_date"], self._clock()),
            usage_limits=_numbers(contract["usage_limits"]),
            sla_terms=_plain(contract.get("sla_terms", {})),
            features=list(contract["features"]),
            usage=[] if usage is None else [_usage(metric) for metric in usage.metrics],
            offers=[
                OfferData(offer["offer_id"], _plain(offer["valid_until"]), _plain(offer["terms"]))
                for offer in contract.get("offers", ())
            ],
        )


def _numbers(limits: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in limits.items()}


def _usage(metric: MetricUsage) -> UsageData:
    return UsageData(
        metric.period,
        metric.metric,
        float(metric.value),
        None if metric.limit is None else float(metric.limit),
        None if metric.percent is None else float(metric.percent),
    )


def _plain(value: Any) -> Any:
    """The value as JSON has it."""
    match value:
        case dict():
            return {name: _plain(each) for name, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case datetime():
            return iso(value)
        case Decimal():
            return float(value)
        case _:
            return value

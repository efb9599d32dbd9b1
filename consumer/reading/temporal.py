"""The upsell workflow's activity for Temporal. Needs the extra `temporal`.

async with contract_reader(load_settings()) as reader:
    worker = Worker(client, task_queue="upsell", workflows=[...],
                    activities=[ContractActivities(reader).fetch_contract])
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from consumer.domain.dates import days_left
from consumer.errors import ContractNotFound, InputRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from consumer.reading.reader import ContractReader


@dataclass(frozen=True)
class ContractData:
    """What an upsell decision needs to know of a contract; JSON for Temporal's default converter.

    `contract_end_date` is RFC 3339 in UTC, `monthly_fee` without add-ons, `days_to_end` rounded up and
    negative after the end. Limits and SLA have the fields of the contract, those that are set.
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


class ContractActivities:
    """Activities over a reader; it stays the caller's to close.

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
            ApplicationError: of type InputRefused, not to be retried: `account_id` is no text.
            ApplicationError: of type ContractNotFound, not to be retried: the account has no contract.
            ServiceUnavailable: MongoDB is away; Temporal tries again.
        """
        try:
            contract = await self._reader.by_account(account_id)
        except InputRefused as error:
            raise ApplicationError(str(error), type=InputRefused.__name__, non_retryable=True) from error
        if contract is None:
            message = f"account {account_id} has no contract"
            raise ApplicationError(message, type=ContractNotFound.__name__, non_retryable=True)
        end = contract["end_date"]
        return ContractData(
            account_id=account_id,
            contract_id=contract["contract_id"],
            current_plan=contract["contract_type"],
            contract_end_date=end.isoformat().replace("+00:00", "Z"),
            status=contract["status"],
            monthly_fee=float(contract["base_monthly_fee"]),
            currency=contract["currency"],
            auto_renewal=contract["auto_renewal"],
            days_to_end=days_left(end, self._clock()),
            usage_limits=_numbers(contract["usage_limits"]),
            sla_terms={name: _plain(value) for name, value in contract.get("sla_terms", {}).items()},
            features=list(contract["features"]),
        )


def _numbers(limits: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in limits.items()}


def _plain(value: Any) -> Any:
    return value if isinstance(value, str) else float(value)

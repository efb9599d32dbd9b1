"""The values that readers return: frozen, and without the bookkeeping of a stored contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from decimal import Decimal

    from schemas.contract import ContractState
    from schemas.names import ContractTypeName, UsageMetric

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A page of a listing. `next` continues it, also after changes; None: this was the last page."""

    items: tuple[Item, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class FoundContract:
    """A contract by its id. Not `current`: it was replaced or deleted, and this is its last state."""

    contract: ContractState
    current: bool


@dataclass(frozen=True, slots=True)
class ExpiringContract:
    """A running contract whose term ends soon, and what happens then without a command."""

    contract: ContractState
    days_left: int
    action: Literal["renews", "lapses"]
    reason: Literal["no_auto_renewal", "cancellation_scheduled"] | None


@dataclass(frozen=True, slots=True)
class MetricUsage:
    """The reported usage of a metric in a period.

    `limit` and `percent` (rounded down) None: the contract has no limit for it. `threshold`: the highest for
    which `limit_reached` was published; None: none.
    """

    period: str
    metric: UsageMetric
    value: Decimal
    limit: int | Decimal | None
    percent: Decimal | None
    threshold: int | None


@dataclass(frozen=True, slots=True)
class ContractUsage:
    """An account's usage in the running period and the last, against the limits of its current contract."""

    account_id: str
    contract_id: str
    contract_type: ContractTypeName
    thresholds: tuple[int, ...]
    metrics: tuple[MetricUsage, ...]


@dataclass(frozen=True, slots=True)
class PastContract:
    """An earlier state of a contract: the change that led to it, when it took effect, and who made it.

    `change` and `effective_at` None: the history entry was pruned.
    """

    contract: ContractState
    change: str | None
    effective_at: datetime | None
    recorded_at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class HistoryChange:
    """One event in an entry of the history: a change of the contract, or a notice.

    `fields` are the differences as in `contracts.changed`: path, before, after; with values as in the
    contract. `window_days` belongs to notices, `version` and `by` to changes, `reason` to deletions,
    `limit` to `limit_reached`: its period, metric and threshold.
    """

    kind: str
    effective_at: datetime
    version: int | None
    by: str | None
    window_days: int | None
    reason: str | None
    fields: tuple[Mapping[str, Any], ...]
    limit: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """The history entry of one record of an account: a command, or a dead letter.

    `sequence` orders the items of an account. `by` is who requested it: `requested_by`, else the source.
    """

    sequence: int
    occurred_at: datetime
    outcome: str
    code: str | None
    command: str | None
    command_id: str | None
    source: str | None
    by: str | None
    contract_id: str | None
    version: int | None
    changes: tuple[HistoryChange, ...]

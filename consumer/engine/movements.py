"""The movements of recurring revenue in a batch, from its events."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from consumer.domain.model import Changed
from consumer.storage.movements import Bucket, Tallied, Total

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consumer.domain.model import Event
    from consumer.storage.movements import Kind
    from schemas.contract import Contract
    from schemas.fees import Movement

_NONE: Final = Total(Decimal(0), 0)
_DAY: Final = len("2026-01-31")


class Movements:
    """Counts movements."""

    def __init__(self) -> None:
        self._buckets: dict[Bucket, dict[Kind, Total]] = {}

    def take(self, before: Contract | None, events: Sequence[Event]) -> None:
        """Adds the movements of one verdict's events; `before` is the account's contract before them."""
        for event in events:
            if isinstance(event, Changed):
                self._change(before, event)
                before = event.contract

    def of(self, partition: str) -> list[Tallied]:
        """All movements, in the form of a partition's tallies."""
        return [Tallied(partition, bucket, totals) for bucket, totals in self._buckets.items()]

    def amounts(self) -> dict[tuple[Movement, str], Decimal]:
        """The amount of each movement in each currency, of all plans and days. None is below 0."""
        found: dict[tuple[Movement, str], Decimal] = {}
        for bucket, kinds in self._buckets.items():
            for kind, total in kinds.items():
                if kind != "moved":
                    key = kind, bucket.currency
                    found[key] = found.get(key, Decimal(0)) + abs(total.amount)
        return found

    def _change(self, before: Contract | None, event: Changed) -> None:
        revenue = event.recurring
        was, now, kind = revenue["before"], revenue["after"], revenue["movement"]
        if before is not None and was and before["contract_type"] != event.contract["contract_type"]:
            self._add(before, event, "moved", -was)
            self._add(event.contract, event, "moved", was)
        if kind != "none":
            self._add(event.contract, event, kind, now - was)

    def _add(self, contract: Contract, event: Changed, kind: Kind, amount: Decimal) -> None:
        day = event.effective_at.isoformat()[:_DAY]
        kinds = self._buckets.setdefault(Bucket(day, contract["contract_type"], contract["currency"]), {})
        total = kinds.get(kind, _NONE)
        kinds[kind] = Total(total.amount + amount, total.times + 1)

"""The movements of recurring revenue in a batch, from its events."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from consumer.domain.model import Changed
from consumer.storage.movements import Moved, Place, Tallied

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consumer.domain.model import Event
    from consumer.storage.movements import Kind
    from schemas.contract import Contract
    from schemas.fees import Movement

_NONE: Final = Moved(Decimal(0), 0)
_DAY: Final = len("2026-01-31")


class Movements:
    """Counts movements."""

    def __init__(self) -> None:
        self._places: dict[Place, dict[Kind, Moved]] = {}

    def take(self, before: Contract | None, events: Sequence[Event]) -> None:
        """Adds the movements of one verdict's events; `before` is the account's contract before them."""
        for event in events:
            if isinstance(event, Changed):
                self._change(before, event)
                before = event.contract

    def of(self, partition: str) -> list[Tallied]:
        """All movements, in the form of a partition's tallies."""
        return [Tallied(partition, place, moved) for place, moved in self._places.items()]

    def amounts(self) -> dict[tuple[Movement, str], Decimal]:
        """The amount of each movement in each currency, of all plans and days. None is below 0."""
        found: dict[tuple[Movement, str], Decimal] = {}
        for place, kinds in self._places.items():
            for kind, moved in kinds.items():
                if kind != "moved":
                    key = kind, place.currency
                    found[key] = found.get(key, Decimal(0)) + abs(moved.amount)
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
        kinds = self._places.setdefault(Place(day, contract["contract_type"], contract["currency"]), {})
        moved = kinds.get(kind, _NONE)
        kinds[kind] = Moved(moved.amount + amount, moved.times + 1)

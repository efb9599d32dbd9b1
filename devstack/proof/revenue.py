"""How revenue moves, from the contracts alone: what events say of it and the marks are not asked."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from consumer.domain.model import Changed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consumer.domain.model import Event

Key = tuple[str, str, str, str]
"""Partition, day, contract type, currency."""


class Revenue:
    """Tallies of all partitions, as the service must have stored them."""

    def __init__(self) -> None:
        self.tallies: defaultdict[tuple[Key, str], tuple[Any, int]] = defaultdict(lambda: (0, 0))
        """Amount and times of each kind of movement."""
        self._paid: set[str] = set()

    def take(self, partition: str, account: str, before: Any, events: Sequence[Event]) -> None:
        """What an account's command and time brought about."""
        for event in events:
            if isinstance(event, Changed):
                self._change(partition, account, before, event)
                before = event.contract

    def unseen(self, account: str, contract: Any) -> None:
        """Version 0.1 tallied nothing. That an account has paid is known where its contract shows it."""
        shows = contract and contract["status"] in ("active", "pending_renewal", "expired")
        (self._paid.add if shows and _fees(contract) else self._paid.discard)(account)

    def stored(self) -> dict[Key, dict[str, dict[str, Any]]]:
        """As documents: by key, `amounts` and `times` of each kind."""
        documents: dict[Key, dict[str, dict[str, Any]]] = {}
        for (key, kind), (amount, times) in self.tallies.items():
            document = documents.setdefault(key, {"amounts": {}, "times": {}})
            document["amounts"][kind], document["times"][kind] = amount, times
        return documents

    def _change(self, partition: str, account: str, before: Any, event: Changed) -> None:
        after = event.contract
        was, now = _brings(before), 0 if event.change == "deleted" else _brings(after)
        day = event.effective_at.date().isoformat()
        if was and before["contract_type"] != after["contract_type"]:
            for contract, amount in (before, -was), (after, was):
                self._add((partition, day, contract["contract_type"], after["currency"]), "moved", amount)
        if was != now:
            kind = self._kind(account, was, now)
            self._add((partition, day, after["contract_type"], after["currency"]), kind, now - was)
        if now:
            self._paid.add(account)
        elif event.change == "deleted":
            self._paid.discard(account)

    def _kind(self, account: str, was: Any, now: Any) -> str:
        if not was:
            return "reactivation" if account in self._paid else "new"
        if not now:
            return "churn"
        return "expansion" if was < now else "contraction"

    def _add(self, key: Key, kind: str, amount: Any) -> None:
        so_far, times = self.tallies[key, kind]
        self.tallies[key, kind] = so_far + amount, times + 1


def _brings(contract: Any) -> Any:
    return _fees(contract) if contract and contract["status"] in ("active", "pending_renewal") else 0


def _fees(contract: Any) -> Any:
    active = [each["monthly_fee"] for each in contract["add_ons"] if each.get("active", True)]
    return sum([contract["base_monthly_fee"], *active])

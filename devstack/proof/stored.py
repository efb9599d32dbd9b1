"""What must be stored: contracts, those that were, the history, and tallies of contracts."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from devstack.proof.chain import details_hash
from devstack.proof.erasing import erased_entry, erased_former

if TYPE_CHECKING:
    from devstack.proof.expected import Entry


class Stored:
    """Grows with the log.

    Attributes:
        tallies: how many contracts of a "type/status" each partition has made and not ended, and by
            "type/CURRENCY" what those bring in a month that are active or in renewal.
    """

    def __init__(self) -> None:
        self.contracts: dict[str, Any] = {}
        self.former: dict[str, Any] = {}
        self.history: dict[bytes, Entry] = {}
        self.tallies: defaultdict[int, defaultdict[str, Any]] = defaultdict(lambda: defaultdict(int))

    def keep(self, account: str, partition: int, before: Any, after: Any) -> None:
        """A command has made another contract, or none, of an account's."""
        if before is not None:
            self._tally(partition, before, -1)
            del self.contracts[account]
        if after is not None:
            self._tally(partition, after, 1)
            self.contracts[account] = after

    def _tally(self, partition: int, contract: Any, times: int) -> None:
        tallies, type_ = self.tallies[partition], contract["contract_type"]
        tallies[f"{type_}/{contract['status']}"] += times
        if contract["status"] in ("active", "pending_renewal"):
            active = [add_on["monthly_fee"] for add_on in contract["add_ons"] if add_on.get("active", True)]
            tallies[f"{type_}/{contract['currency']}"] += times * sum([contract["base_monthly_fee"], *active])

    def erase(self, account: str) -> None:
        """Takes the personal data of an account away. Slow, as the history has no index here; and rare."""
        for identity, entry in self.history.items():
            if entry.account_id == account:
                erased = erased_entry(entry)
                if erased != entry and entry.chain and not entry.details_hash:
                    erased = erased._replace(details_hash=details_hash(entry))
                self.history[identity] = erased
        for contract_id, contract in self.former.items():
            if contract["account_id"] == account:
                self.former[contract_id] = erased_former(contract)

"""The accounts of a batch as the fold changes them: contracts, former contracts, tallies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.domain.erasure import erased
from consumer.domain.statuses import RUNNING
from consumer.domain.terms import monthly_total
from consumer.engine.movements import Movements
from consumer.storage.protocols import ContractWrite

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from consumer.domain.model import Verdict
    from schemas.contract import Contract


class Accounts:
    """Contracts before and after.

    Args:
        contracts: current contract of every account in the batch; None if it has none.
        tallies: those of the position, before the batch.
        holders: the accounts that have, or had, the contract ids in the batch's commands. The batch's new
            contracts are added, because an id belongs to its first account forever: the result must not
            depend on where a batch ends.
    """

    def __init__(
        self,
        contracts: Mapping[str, Contract | None],
        tallies: Mapping[str, int | Decimal],
        holders: dict[str, str],
    ) -> None:
        self._before = contracts
        self.contracts = dict(contracts)
        self.tallies = dict(tallies)
        self.holders = holders
        self.former: list[Contract] = []
        self.movements = Movements()

    def take(self, account: str, verdict: Verdict) -> None:
        """Sets the account's contract to that of the verdict."""
        tally(self.tallies, self.contracts[account], verdict.contract)
        self.movements.take(self.contracts[account], verdict.events)
        self.contracts[account] = verdict.contract
        if verdict.contract is not None:
            self.holders[verdict.contract["contract_id"]] = account
        if verdict.former is not None:
            self.former.append(verdict.former)

    def erase(self, account: str) -> None:
        """Removes personal data from the former contracts that this batch has made."""
        self.former = [
            erased(contract) if contract["account_id"] == account else contract for contract in self.former
        ]

    def writes(self) -> list[ContractWrite]:
        """Each account whose contract was changed."""
        before = self._before
        return [
            ContractWrite(account, before[account], after)
            for account, after in self.contracts.items()
            if after is not before[account]
        ]


def erased_former(stored: Sequence[Contract], accounts: set[str]) -> list[Contract]:
    """The stored former contracts of these accounts that contain personal data, without it."""
    former = [contract for contract in stored if contract["account_id"] in accounts]
    return [left for contract in former if (left := erased(contract)) != contract]


def tally(tallies: dict[str, int | Decimal], before: Contract | None, after: Contract | None) -> None:
    """Adds a contract to the tallies of its type and status, and of its revenue."""
    if before is after:
        return
    was, now = before and _label(before), after and _label(after)
    if was != now:
        if was:
            tallies[was] = tallies.get(was, 0) - 1
        if now:
            tallies[now] = tallies.get(now, 0) + 1
    earned, earns = monthly_revenue(before), monthly_revenue(after)
    if earned != earns:
        if earned:
            tallies[earned[0]] = tallies.get(earned[0], 0) - earned[1]
        if earns:
            tallies[earns[0]] = tallies.get(earns[0], 0) + earns[1]


def _label(contract: Contract) -> str:
    return f"{contract['contract_type']}/{contract['status']}"


def monthly_revenue(contract: Contract | None) -> tuple[str, Decimal] | None:
    """The tally for its revenue, and its monthly revenue."""
    if contract is None or contract["status"] not in RUNNING:
        return None
    return f"{contract['contract_type']}/{contract['currency']}", monthly_total(contract)

"""Contracts on one version of a template, brought to another: whom it touches, and what it brings a month."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast, get_args

from consumer.domain.catalogue import version_of
from consumer.domain.dates import iso
from consumer.domain.notices import lapses
from consumer.domain.renewal import at_term
from consumer.domain.schedule import next_term
from consumer.domain.scheduling import begin_of, with_scheduled
from consumer.domain.terms import monthly_total, with_plan
from consumer.errors import InputRefused
from schemas.names import Effective
from schemas.templates import PlanTemplates

if TYPE_CHECKING:
    from datetime import datetime

    from consumer.domain.catalogue import Catalogue
    from schemas.contract import Contract, ContractState
    from schemas.types import ContractTypeName

_PLANS: Final = tuple(PlanTemplates.__annotations__)
_RUNNING: Final = ("active", "pending_renewal")

NOT_RUNNING: Final = "not running"
OWN_TERMS: Final = "terms of their own"
PLANNED: Final = "another plan is scheduled or agreed"
LAPSING: Final = "it will not renew"


class TemplateName(NamedTuple):
    """A template of one version, `basic@2`."""

    contract_type: ContractTypeName
    number: int

    def __str__(self) -> str:
        return f"{self.contract_type}@{self.number}"


def named_template(text: str, catalogue: Catalogue, now: datetime) -> TemplateName:
    """The template of a name.

    Raises:
        InputRefused: it is no name, or names no version that is or was in force.
    """
    plan, _, number = text.partition("@")
    if plan not in _PLANS or not number.isdecimal():
        raise InputRefused(f"{text!r} is not PLAN@VERSION, such as basic@2; plans: {', '.join(_PLANS)}")
    version = catalogue.named(int(number))
    if version is None:
        raise InputRefused(f"there is no version {number}", hint="see `contracts templates list`")
    if version.effective_from > now:
        raise InputRefused(f"version {number} is not in force before {iso(version.effective_from)}")
    return TemplateName(cast("ContractTypeName", plan), version.number)


@dataclass(slots=True)
class Sums:
    """Of the contracts in one currency: how many, and what they bring a month without it and with it."""

    contracts: int = 0
    before: Decimal = Decimal(0)
    after: Decimal = Decimal(0)


class Migration:
    """Looks at contracts one by one, and sums up.

    Args:
        source: the template that contracts have.
        target: the one that they shall get.
        effective: when.
        catalogue: of the service.
        own_terms: also contracts whose fee, limits or features are not those of the source.

    Attributes:
        sums: by currency.
        left_out: how many contracts on the source stay as they are, by reason.
    """

    def __init__(
        self,
        source: TemplateName,
        target: TemplateName,
        effective: Effective,
        catalogue: Catalogue,
        *,
        own_terms: bool = False,
    ) -> None:
        if source == target:
            raise InputRefused("both are the same template")
        self.source = source
        self.target = target
        self.effective = effective
        self.sums: dict[str, Sums] = {}
        self.left_out: Counter[str] = Counter()
        self._catalogue = catalogue
        self._own_terms = own_terms
        self._plan = {"contract_type": target.contract_type, "template_version": target.number}

    @property
    def name(self) -> str:
        """Part of the ids of its commands: the same migration sends the same commands."""
        return f"templates/{self.source}/{self.target}/{self.effective}"

    def command(self, contract: ContractState, now: datetime) -> dict[str, Any] | None:
        """The data of the `change_plan` for a contract; None: it is not on the source, or is left out."""
        held = (contract["contract_type"], version_of(cast("Contract", contract)))
        if held != self.source:
            return None
        if why := self._reason(contract):
            self.left_out[why] += 1
            return None
        before, after = self._compared(cast("Contract", contract), now)
        sums = self.sums.setdefault(contract["currency"], Sums())
        sums.contracts += 1
        sums.before += monthly_total(before)
        sums.after += monthly_total(after)
        # What somebody changes before the command is applied, such as the plan, is not overwritten.
        return {
            **self._plan,
            "effective": self.effective,
            "contract_id": contract["contract_id"],
            "expected_version": contract["version"],
        }

    def _compared(self, contract: Contract, now: datetime) -> tuple[Contract, Contract]:
        """The contract without and with the migration: now, or in its next term as far as that is agreed."""
        if self.effective == "immediately":
            return contract, with_plan(contract, self._plan, self._catalogue)
        term = next_term(contract, now)
        change: Any = {
            "change_id": "plan_change",
            "kind": "plan_change",
            "effective_at": begin_of(contract, term),
            **self._plan,
            "requested_at": now,
        }
        planned = with_scheduled(contract, change)
        return at_term(contract, term, self._catalogue), at_term(planned, term, self._catalogue)

    def _reason(self, contract: ContractState) -> str | None:
        """Why a contract is left out."""
        if contract["status"] not in _RUNNING:
            return NOT_RUNNING
        kinds = {change["kind"] for change in contract["scheduled_changes"]}
        if "plan_change" in kinds or "contract_type" in contract.get("renewal_terms", {}):
            return PLANNED
        if self.effective == "at_renewal" and lapses(cast("Contract", contract)):
            return LAPSING
        terms = self._catalogue.terms(self.source.contract_type, self.source.number)
        if not self._own_terms and any(contract[name] != terms[name] for name in _TEMPLATED):
            return OWN_TERMS
        return None


_TEMPLATED: Final = ("base_monthly_fee", "usage_limits", "features")
EFFECTIVE: Final[tuple[Effective, ...]] = get_args(Effective)

"""The parts of events about fees."""

from __future__ import annotations

from typing import Final, Literal, NotRequired

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from schemas import names
from schemas.types import ContractTypeName, Difference, Instant, Money, PositiveInt

Movement = names.Movement

_OPEN: Final = ConfigDict(extra="allow")

_From = TypedDict("_From", {"from": Instant})
"""Made in this form because `from` is a keyword and cannot be a field of a class."""


@with_config(_OPEN)
class Proration(_From):
    """The amount due for the rest of the month when the fee changes within it."""

    to: Instant
    days: int
    of_days: int
    credit: Money
    charge: Money
    net: Difference


@with_config(_OPEN)
class Overage(TypedDict):
    """The charge for the usage of the period so far, by the contract's tiers."""

    trade_volume_fee: Money
    trade_value_fee: Money
    total: Money


@with_config(_OPEN)
class Recurring(TypedDict):
    """Monthly revenue before and after a change: fee and active add-ons of a running contract."""

    before: Money
    after: Money
    movement: Movement


@with_config(_OPEN)
class RenewalFee(TypedDict):
    """The fee before and after the next renewal."""

    before: Money
    after: Money


@with_config(_OPEN)
class NextTerm(TypedDict):
    """What happens at the time `on`: the contract renews with these terms, or lapses."""

    action: Literal["renews", "lapses"]
    on: Instant
    contract_type: NotRequired[ContractTypeName]
    monthly_total: NotRequired[Money]
    until: NotRequired[Instant]


@with_config(_OPEN)
class CoveringPlan(TypedDict):
    """The cheapest plan whose limits cover the projected usage of the whole period."""

    contract_type: ContractTypeName
    template_version: NotRequired[PositiveInt]
    base_monthly_fee: Money
    difference: Difference

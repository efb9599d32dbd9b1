"""Movements of recurring revenue: tallied by day, plan and currency in the transaction that moves a position.

Each partition has documents of its own, so that two owners never write the same one.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from schemas.names import ContractTypeName, Movement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Kind = Movement | Literal["moved"]
"""`moved`: from one plan to another; over all plans it is 0."""

KINDS: Final[tuple[Kind, ...]] = ("new", "expansion", "contraction", "churn", "reactivation", "moved")

COLLECTION: Final = "movements"


class Bucket(NamedTuple):
    """What is tallied together. `day`: `YYYY-MM-DD`, of the moment when the change was due."""

    day: str
    contract_type: ContractTypeName
    currency: str


class Total(NamedTuple):
    """The amount of a kind of movement, below 0 where revenue fell, and how often it happened."""

    amount: Decimal
    times: int


class Tallied(NamedTuple):
    """What a batch, or several, added to one bucket of a partition ("topic/number")."""

    partition: str
    bucket: Bucket
    totals: Mapping[Kind, Total]


class RevenueMovements(NamedTuple):
    """What all contracts bring at a moment, by type and currency, and the movements since a day."""

    now: Mapping[tuple[str, str], Decimal]
    tallied: Sequence[Tallied]


def revenue_of(positions: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], Decimal]:
    """What the contracts of these positions bring, by type and currency."""
    found: dict[tuple[str, str], Decimal] = {}
    for position in positions:
        for label, tally in position.get("tallies", {}).items():
            contract_type, _, currency = label.partition("/")
            if currency.isupper():  # the others are counts by status
                plan = contract_type, currency
                found[plan] = found.get(plan, Decimal(0)) + tally
    return found


def statement(tallied: Tallied) -> dict[str, Any]:
    """Adds to what is stored."""
    bucket = tallied.bucket
    added: dict[str, Any] = {f"amounts.{kind}": total.amount for kind, total in tallied.totals.items()}
    added |= {f"times.{kind}": total.times for kind, total in tallied.totals.items()}
    return {
        "q": {"_id": _name(tallied)},
        "u": {"$inc": added, "$setOnInsert": {"partition": tallied.partition, **bucket._asdict()}},
        "upsert": True,
    }


def _name(tallied: Tallied) -> str:
    """By day first: a period is a range of them."""
    day, contract_type, currency = tallied.bucket
    return f"{day}/{tallied.partition}/{contract_type}/{currency}"


def since(day: str) -> dict[str, Any]:
    """Selects the movements of a day and later."""
    return {"_id": {"$gte": day}}


def tallied_from(document: Mapping[str, Any]) -> Tallied:
    """What is stored."""
    bucket = Bucket(*(document[name] for name in Bucket._fields))
    amounts, times = document["amounts"], document["times"]
    return Tallied(
        document["partition"],
        bucket,
        {kind: Total(amounts[kind], times[kind]) for kind in KINDS if kind in times},
    )

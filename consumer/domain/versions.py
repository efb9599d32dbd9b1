"""Which version of a template a plan change brings: the one that it names, or the one in force."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from consumer.domain.catalogue import FIRST
from consumer.domain.dates import iso
from consumer.domain.mistakes import mistake

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from consumer.domain.catalogue import Catalogue
    from consumer.domain.lifecycle import Moment
    from schemas.contract import Contract
    from schemas.events import FieldError

Plan = TypeVar("Plan", bound="Mapping[str, Any]")
"""Anything with a `contract_type`, a `template_version` and `overrides`."""


def dated(plan: Plan, contract: Contract, catalogue: Catalogue, at: datetime) -> Plan:
    """The plan with the version of its template that is in force at a time, when it was asked for.

    What it brings is known from then on, whatever is in force when it comes. The first version is left out,
    and so is that of the plan which the contract already has: it keeps its terms.
    """
    name = plan.get("contract_type", contract["contract_type"])
    if "template_version" in plan or name in {"custom", contract["contract_type"]}:
        return plan
    number = catalogue.in_force(at).number
    return plan if number == FIRST else cast("Plan", {**plan, "template_version": number})


def dated_as(plan: Plan, before: Mapping[str, Any]) -> Plan:
    """The plan of a repeated request, with the version that the first one was given.

    Since then the contract may have another plan, and the catalogue another version.
    """
    if "template_version" in plan or plan.get("contract_type") != before.get("contract_type"):
        return plan
    if "template_version" not in before:
        return plan
    return cast("Plan", {**plan, "template_version": before["template_version"]})


def with_dated_terms(contract: Contract, catalogue: Catalogue, at: datetime) -> Contract:
    """The contract, the plan of its renewal terms with the version in force at a time.

    With its present plan it keeps its terms, so the version is not named. It is remembered: the contract may
    leave the plan and return to it with the renewal.
    """
    after, terms = without_terms_version(contract), contract.get("renewal_terms", {})
    plan = dated(terms, after, catalogue, at)
    if plan is not terms:
        return after | {"renewal_terms": plan}
    number = catalogue.in_force(at).number
    if terms.get("contract_type", "custom") == "custom" or "template_version" in terms or number == FIRST:
        return after
    return after | {"lifecycle": after["lifecycle"] | {"terms_version": number}}


def without_terms_version(contract: Contract) -> Contract:
    """The contract without that memory: its renewal terms have no plan any more."""
    if "terms_version" not in contract["lifecycle"]:
        return contract
    lifecycle = contract["lifecycle"].copy()
    del lifecycle["terms_version"]
    return contract | {"lifecycle": lifecycle}


def broken_version(plan: Mapping[str, Any], moment: Moment, *at: str | int) -> Iterator[FieldError]:
    """What is wrong with the version that a plan names: it must be, or have been, in force."""
    number = plan.get("template_version")
    if number is None:
        return
    version = moment.catalogue.named(number)
    newest = moment.catalogue.in_force(moment.now).number
    why = ""
    if plan.get("contract_type") == "custom":
        why = "belongs to a plan with a template: custom has none"
    elif version is None:
        why = f"is not in the catalogue of templates: version {newest} is in force"
    elif version.effective_from > moment.now:
        why = f"is not in force before {iso(version.effective_from)}: version {newest} is"
    if why:
        yield mistake(why, *at, "template_version")

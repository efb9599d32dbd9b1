"""The templates file: the terms that contracts of each plan copy, by version."""

from __future__ import annotations

from typing import Annotated, Final, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from schemas.messages import MessageSpec
from schemas.parts import STRICT, UsageLimits
from schemas.types import Instant, Labels, Money, PositiveInt


@with_config(STRICT)
class TemplateTerms(TypedDict):
    """The terms of a plan, in the currency of all templates: USD."""

    base_monthly_fee: Money
    usage_limits: UsageLimits
    features: Labels


@with_config(STRICT)
class PlanTemplates(TypedDict):
    """A template for each plan; `custom` has none."""

    basic: TemplateTerms
    professional: TemplateTerms
    enterprise: TemplateTerms


@with_config(STRICT)
class TemplateVersion(TypedDict):
    """Templates that apply from a time until the next version. Only version 1 has no such time."""

    version: PositiveInt
    effective_from: NotRequired[Instant]
    templates: PlanTemplates


@with_config(STRICT)
class TemplatesFile(TypedDict):
    """All versions, in order. Version 1 is built in, and may be left out."""

    versions: Annotated[list[TemplateVersion], Field(max_length=1_000)]


TEMPLATES_FILE: Final = MessageSpec("templates", TemplatesFile, "the templates of the plans, by version")

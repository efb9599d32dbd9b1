"""The catalogue of templates as JSON: the file of the operator, and what the service remembers of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import ValidationError

from consumer.domain.catalogue import BUILT_IN, FIRST, Catalogue, Template, Version
from consumer.domain.dates import iso
from consumer.domain.mistakes import mistake
from schemas.contract import to_json
from schemas.mistakes import mistakes
from schemas.parts import UsageLimits
from schemas.strict_json import NotJson, parse
from schemas.templates import TEMPLATES_FILE, PlanTemplates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from schemas.events import FieldError
    from schemas.templates import TemplateTerms, TemplateVersion

_PLANS: Final = tuple(PlanTemplates.__annotations__)


def read_catalogue(raw: bytes) -> Catalogue | Sequence[FieldError]:
    """The catalogue of a file, or every mistake in it with its path."""
    parsed = parse(raw)
    if isinstance(parsed, NotJson):
        return [mistake(parsed.message)]
    try:
        given: Sequence[TemplateVersion] = TEMPLATES_FILE.adapter.validate_json(raw)["versions"]
    except ValidationError as error:
        return mistakes(TEMPLATES_FILE, error)
    versions = tuple(map(_version, given))
    if not versions or versions[0].number != FIRST:
        versions = (BUILT_IN, *versions)
    return [*_broken(given)] or Catalogue(versions)


def version_data(version: Version) -> dict[str, Any]:
    """A version as the file has it: equal versions have equal bytes as JSON."""
    since = {} if version.number == FIRST else {"effective_from": version.effective_from}
    plans = cast("Mapping[str, Template]", version.templates)
    terms = {name: plans[name].terms() for name in _PLANS}
    return {"version": version.number, **since, "templates": terms}


def version_text(version: Version) -> str:
    """The same as text."""
    return to_json(version_data(version)).decode()


def _version(given: TemplateVersion) -> Version:
    terms = cast("Mapping[str, TemplateTerms]", given["templates"])
    plans: Any = {name: _template(terms[name]) for name in _PLANS}
    return Version(given["version"], given.get("effective_from", BUILT_IN.effective_from), plans)


def _template(terms: TemplateTerms) -> Template:
    """Limits in one order, because the bytes of a contract show it."""
    limits = cast("Mapping[str, Any]", terms["usage_limits"])
    ordered = {name: limits[name] for name in UsageLimits.__annotations__ if name in limits}
    return Template(terms["base_monthly_fee"], ordered, tuple(terms["features"]))


def _broken(given: Sequence[TemplateVersion]) -> Iterator[FieldError]:
    """Rules across versions: numbers without a gap, times that grow, the first as it is built in."""
    first = min(given[0]["version"], FIRST + 1) if given else FIRST
    earlier = None
    for i, version in enumerate(given):
        number, since = version["version"], version.get("effective_from")
        if number != first + i:
            yield mistake(
                f"must be {first + i}: versions are numbered without a gap", "versions", i, "version"
            )
        elif number == FIRST:
            yield from _changed_first(version)
        elif since is None:
            yield mistake("is required", "versions", i, "effective_from")
        elif earlier is not None and since <= earlier:
            why = f"must be later than that of version {number - 1}, {iso(earlier)}"
            yield mistake(why, "versions", i, "effective_from")
        earlier = since or earlier


def _changed_first(version: TemplateVersion) -> Iterator[FieldError]:
    if "effective_from" in version:
        yield mistake("must be left out: version 1 was always in force", "versions", 0, "effective_from")
    elif _version(version) != BUILT_IN:
        why = "must be as it is built in: contracts have it. Leave it out, and add a version 2"
        yield mistake(why, "versions", 0)

"""The published schemas as validators."""

import re
from functools import cache

import orjson
from jsonschema import Draft202012Validator
from jsonschema import ValidationError as Mistake
from jsonschema.validators import extend
from referencing import Registry

from schemas.export import PUBLISHED
from schemas.jsonschema import schemas

LABELS = sorted(schemas())


def matches(_, pattern, instance, __):
    """As JSON Schema means it: `$` is the very end, where that of Python lets a line break follow."""
    if isinstance(instance, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), instance):
        yield Mistake(f"does not match {pattern}")


Validator = extend(Draft202012Validator, {"pattern": matches})


@cache
def published(label: str) -> Draft202012Validator:
    return Validator(
        orjson.loads((PUBLISHED / f"{label}.json").read_bytes()),
        format_checker=Draft202012Validator.FORMAT_CHECKER,
        registry=Registry(),  # nothing is fetched from anywhere
    )


def accepts(label: str, document) -> bool:
    return published(label).is_valid(document)

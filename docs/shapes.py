"""Fields of messages and of the contract as tables, from the published JSON Schemas."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from consumer.domain.catalogue import BUILT_IN
from schemas.commands import COMMANDS
from schemas.events import OUTPUTS
from schemas.jsonschema import CONTRACT_LABEL, schemas
from schemas.meanings import meaning_of
from schemas.terms import PROTECTED, CommandData
from schemas.types import INSTANT_PATTERN, PERIOD_PATTERN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from schemas.messages import MessageSpec

Schema = dict[str, Any]

COLUMNS: Final = ("field", "values", "meaning")
PATCH: Final = "Patch"
LINKS: Final = {
    "ContractState": "[contract](contract.md)",
    "ContractPatch": "a patch of the [contract](contract.md)",
}
WORDS: Final = {
    "boolean": "`true`, `false`",
    "email": "e-mail address",
    "integer": "whole number",
    "null": "null",
    "number": "number",
    "string": "text",
    None: "anything",
}
PATTERNS: Final = {
    INSTANT_PATTERN: "time",
    PERIOD_PATTERN: "month, `YYYY-MM`",
    "^[A-Z]{3}$": "three capital letters",
}


def table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """A table in Markdown."""
    yield f"| {' | '.join(columns)} |"
    yield f"|{' --- |' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |"


def contract_lines() -> Iterator[str]:
    """The contract, its parts, and the templates."""
    schema = schemas()[CONTRACT_LABEL]
    yield from _fields("contract", schema, home="")
    yield from ("", "## Parts", "")
    yield from _parts(schema, skip=frozenset(), home="")
    yield from ("", "## Templates", "")
    yield "What `create` fills in, in version 1; [later versions](../templates.md) differ. `custom` has none."
    yield ""
    rows = {name: template.terms() for name, template in BUILT_IN.templates.items()}
    limits = sorted({limit for terms in rows.values() for limit in terms["usage_limits"]})
    yield from table(("field", *rows), _template_rows(rows, limits))


def _template_rows(rows: dict[Any, Schema], limits: list[str]) -> Iterator[tuple[str, ...]]:
    yield "`base_monthly_fee`", *(f"{terms['base_monthly_fee']:.2f}" for terms in rows.values())
    for limit in limits:
        yield f"`{limit}`", *(f"{terms['usage_limits'][limit]:,}" for terms in rows.values())
    yield "`features`", *(", ".join(f"`{name}`" for name in terms["features"]) for terms in rows.values())


def command_lines() -> Iterator[str]:
    """Each command with its fields and an example; what all have in common is told once."""
    common = set(CommandData.__annotations__)
    activate = COMMANDS["activate"]
    yield from ("## Every command", "", *_fields(activate.name, schemas()[activate.label], "contract.md"))
    for spec in COMMANDS.values():
        required = set(schemas()[spec.label].get("required", ()))
        yield from _message(spec, skip=common - required)
    yield from _own_parts(COMMANDS.values())


def event_lines() -> Iterator[str]:
    """Each event with its fields and an example, then the parts that only events have."""
    for spec in OUTPUTS.values():
        yield from _message(spec, skip=set())
    yield from _own_parts(OUTPUTS.values())


def _own_parts(specs: Iterable[MessageSpec]) -> Iterator[str]:
    """The parts of these messages that contracts do not have."""
    parts: Schema = {}
    for spec in specs:
        parts |= schemas()[spec.label].get("$defs", {})
    contract = schemas()[CONTRACT_LABEL]["$defs"]
    yield from ("", "## Parts", "")
    yield from _parts({"$defs": parts}, skip=frozenset({*contract, *LINKS}), home="contract.md")


def _message(spec: MessageSpec, skip: set[str]) -> Iterator[str]:
    schema = schemas()[spec.label]
    yield from ("", f"## {spec.name}", "", f"`{spec.type}`: {spec.meaning}.", "")
    if shown := schema["properties"].keys() - skip:
        yield from (*_fields(spec.name, schema, "contract.md", shown), "")
    if spec.name == "create":
        yield "Whatever is left out comes from the plan's [template](contract.md#templates) and the"
        yield from ("[settings](settings.md) of new contracts.", "")
    if spec.name == "update":
        patch = schema["$defs"]["ContractPatch"]["properties"]
        names = ", ".join(f"`{name}`" for name, body in patch.items() if _protected(body))
        yield from (f"Always refused with `protected_field`: {names}.", "")
    yield from ("```json", json.dumps(schema["examples"][0], indent=2), "```")


def _protected(body: Schema) -> bool:
    return str(body.get("description", "")).startswith(PROTECTED)


def _parts(schema: Schema, skip: frozenset[str], home: str) -> Iterator[str]:
    """The definitions, but for patches: those have the fields of what they change."""
    for name, part in schema.get("$defs", {}).items():
        if name not in skip and not name.endswith(PATCH):
            yield from (f"### {name}", "", part["description"], "", *_fields(name, part, home=home), "")


def _fields(shape: str, schema: Schema, home: str, shown: set[str] | None = None) -> Iterator[str]:
    """A row for each field, those that must be there first."""
    required = schema.get("required", [])
    rows = (
        (f"`{name}`{'' if name in required else ' (optional)'}", _values(body, home), meaning_of(shape, name))
        for name, body in sorted(schema["properties"].items(), key=lambda item: item[0] not in required)
        if shown is None or name in shown
    )
    return table(COLUMNS, rows)


def _values(body: Schema, home: str) -> str:
    """What a field may be, in words."""
    match body:
        case {"$ref": str(reference)}:
            return _link(reference.rpartition("/")[2], home)
        case {"anyOf": list(choices)}:
            return " or ".join(_values(choice, home) for choice in choices)
        case {"enum": list(choices)} | {"x-extensible-enum": list(choices)}:
            return ", ".join(f"`{choice}`" for choice in choices)
        case {"items": items}:
            return f"list{_up_to(body, 'maxItems')}: {_values(items, home)}"
        case {"additionalProperties": dict(values)}:
            return f"map{_up_to(body, 'maxProperties')}: {_values(values, home)}"
        case _:
            return _scalar(body)


def _scalar(body: Schema) -> str:
    if "pattern" in body:
        return PATTERNS[body["pattern"]]
    word = WORDS[body.get("format") or body.get("type")]
    return f"{word} {_bounds(body)}".strip() + _up_to(body, "maxLength")


def _link(name: str, home: str) -> str:
    if name in LINKS:
        return LINKS[name]
    whole = name.removesuffix(PATCH)
    page = home if whole in schemas()[CONTRACT_LABEL]["$defs"] else ""
    return f"{'a patch of ' if name.endswith(PATCH) else ''}[{whole}]({page}#{whole.lower()})"


def _up_to(body: Schema, limit: str) -> str:
    return f" up to {body[limit]:,}" if limit in body else ""


def _bounds(body: Schema) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤"}
    shown = (
        f"{sign} {body[limit]:,.0f}"
        for limit, sign in signs.items()
        if limit in body and abs(body[limit]) < 2**31
    )
    return ", ".join(shown)

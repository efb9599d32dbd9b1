"""`make docs`: writes docs/reference/ from the tables in the code, so that it cannot be out of date.

A test compares the written pages with what this would write now.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from annotated_types import Ge, Gt, Interval, Le, Lt

from consumer.api.app import unserved
from consumer.api.openapi import rendered
from consumer.cli.running import EXIT_CODES
from consumer.cli.settings import default_text
from consumer.domain.transitions import TRANSITIONS, accepts
from consumer.settings_sections import SECTIONS
from consumer.settings_sources import env_name
from consumer.telemetry.metrics_table import METRICS
from docs.interfaces import command_line_lines, python_lines
from docs.shapes import command_lines, contract_lines, event_lines, table
from schemas.commands import COMMANDS
from schemas.events import OUTPUTS
from schemas.export import OPENAPI
from schemas.meanings import DEAD_LETTERS, OUTCOMES, REJECTIONS
from schemas.topics import TOPICS
from schemas.types import StatusName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pydantic.fields import FieldInfo

REFERENCE: Final = Path(__file__).parent / "reference"
NOTE: Final = "<!-- Written by `make docs` from {source}. Do not edit. -->"


def settings_page() -> str:
    """One table for each class of settings."""
    lines = [
        *_heading("Settings", "consumer/settings_sections.py"),
        "Environment variables. `CONTRACTS_…_FILE=/path` reads the value from a file, and so does a file",
        "named like the variable in lower case in `CONTRACTS_SECRETS_DIR` (default `/run/secrets`).",
        "Wrong settings stop the start; each mistake is one line.",
    ]
    for section in SECTIONS:
        rows = [_setting(name, field) for name, field in section.model_fields.items()]
        columns = ("variable", "default", "values", "meaning")
        lines += ["", f"## {str(section.__doc__).rstrip('.')}", "", *table(columns, rows)]
    return _page(lines)


def _setting(name: str, field: FieldInfo) -> tuple[str, ...]:
    return f"`{env_name(name)}`", _default(field.default), _values(field), field.description or ""


def _default(value: Any) -> str:
    text = default_text(value)
    return f"`{text}`" if text else "none"


def _values(field: FieldInfo) -> str:
    annotation = field.annotation
    text = str(annotation)
    if "dict" in text:
        return "NAME=ROLE, separated by commas"
    if "Literal" in text:
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    if "SecretStr" in text:
        return "secret text"
    kind = next((word for word in ("bool", "float", "int") if re.search(rf"\b{word}\b", text)), "text")
    words = {"bool": "`true`, `false`", "float": "number", "int": "whole number", "text": "text"}[kind]
    if "tuple" in text:
        words = "whole numbers separated by commas,"
    return f"{words} {_bounds(field)}".strip()


def _bounds(field: FieldInfo) -> str:
    bounds = [*field.metadata, *(inner for part in get_args(field.annotation) for inner in _metadata(part))]
    found = []
    for bound in bounds:
        match bound:
            case Ge(ge=low) | Interval(ge=low) if low is not None:
                found.append(f"≥ {low:,}")
            case Le(le=high) | Interval(le=high) if high is not None:
                found.append(f"≤ {high:,}")
            case Gt(gt=low):
                found.append(f"> {low:,}")
            case Lt(lt=high):
                found.append(f"< {high:,}")
    return ", ".join(found)


def _metadata(part: Any) -> Iterable[Any]:
    for item in getattr(part, "__metadata__", ()):
        yield from getattr(item, "metadata", [item])


def metrics_page() -> str:
    """The table of metrics."""
    rows = [
        (f"`{spec.exposed_name}`", spec.kind, ", ".join(f"`{label}`" for label in spec.labels), spec.meaning)
        for spec in METRICS
    ]
    return _page(
        [
            *_heading("Metrics", "consumer/telemetry/metrics_table.py"),
            "Served at `/metrics`. No account or contract id is ever a label.",
            "",
            *table(("name", "kind", "labels", "meaning"), rows),
        ]
    )


def exit_codes_page() -> str:
    """The exit codes of the command line."""
    rows = [(str(code), meaning) for code, meaning in EXIT_CODES.items()]
    return _page([*_heading("Exit codes", "consumer/errors/"), *table(("code", "meaning"), rows)])


def messages_page() -> str:
    """Topics, commands, events and codes."""
    topics = [(f"`{spec.name}`", spec.direction, spec.key, spec.meaning) for spec in TOPICS.values()]
    commands = [(f"[`{name}`](commands.md#{name})", spec.meaning) for name, spec in COMMANDS.items()]
    events = [
        (f"[`{name}`](events.md#{name})", f"`{spec.topic}`", spec.meaning) for name, spec in OUTPUTS.items()
    ]
    return _page(
        [
            *_heading("Topics, commands and events", "schemas/"),
            "The CloudEvents type of each is `com.easytrade.contract.NAME.v1`.",
            "",
            *("## Topics", "", *table(("topic", "direction", "key", "what"), topics), ""),
            *("## Commands", "", *table(("name", "what it does"), commands), ""),
            *("## Events and results", "", *table(("name", "topic", "when"), events), ""),
            *("## Outcomes of commands", "", *_codes(OUTCOMES), ""),
            *(
                "## Codes of rejected commands",
                "",
                "In the order of the checks.",
                "",
                *_codes(REJECTIONS),
                "",
            ),
            *("## Codes of dead letters", "", *_codes(DEAD_LETTERS)),
        ]
    )


def _codes(meanings: Mapping[Any, str]) -> Iterator[str]:
    return table(("code", "meaning"), ((f"`{code}`", meaning) for code, meaning in meanings.items()))


def contract_page() -> str:
    """The contract's fields, and the templates."""
    return _page(
        [
            *_heading("The contract", "schemas/contract.py"),
            "As `changed` events and readers show it. Fields that are not set are absent, never null. Times",
            "are RFC 3339: a date (midnight UTC) or a date-time with an offset, kept in milliseconds. Money",
            "has at most 15 significant digits and 4 decimals. The rules over time are in",
            "[How a contract lives](../lifecycle.md).",
            "",
            *contract_lines(),
        ]
    )


def commands_page() -> str:
    """Each command's fields, with an example."""
    return _page(
        [
            *_heading("Commands", "schemas/commands.py"),
            "The value of the record; unknown fields are refused. Key and headers are described in",
            "[On the wire](../wire.md).",
            "",
            *command_lines(),
        ]
    )


def events_page() -> str:
    """Each event's fields, with an example."""
    return _page(
        [
            *_heading("Events and results", "schemas/events.py"),
            "The value of the record. Fields, and values of enumerations, may be added: tolerate those",
            "that you do not know.",
            *event_lines(),
        ]
    )


def state_machine_page() -> str:
    """The statuses of a contract, what leads from one to the other, and which commands each takes."""
    commands = [name for name in COMMANDS if any(name == each.trigger for each in TRANSITIONS if each.source)]
    statuses = get_args(StatusName)
    rows = [
        (f"`{name}`", *("yes" if accepts(status, name) else "" for status in statuses)) for name in commands
    ]
    return _page(
        [
            *_heading("State machine of a contract", "consumer/domain/transitions.py"),
            "Anything else is `invalid_transition`. `create` and `adopt` need an account without a contract,",
            "or whose contract is expired or cancelled. `adopt` leads to any status, `delete` is taken in",
            "every one, `advance` always.",
            "",
            *("```mermaid", "stateDiagram-v2", *_moves(), "```"),
            *("", "## Commands by status", "", *table(("command", *statuses), rows)),
        ]
    )


def _moves() -> Iterator[str]:
    """One line for each pair of statuses, with all that leads from the one to the other."""
    moves: dict[tuple[str, str], list[str]] = {}
    for source, trigger, target, when in TRANSITIONS:
        everywhere = trigger in {"adopt", "delete"}
        if not everywhere and (source != target or trigger == "renew"):
            label = f"{trigger} ({when})" if when else trigger
            moves.setdefault((source or "[*]", target or "[*]"), []).append(label)
    for (source, target), labels in moves.items():
        text = ",<br>".join(labels).replace(":", " =")  # a second colon is a mistake to mermaid
        yield f"    {source} --> {target}: {text}"


def command_line_page() -> str:
    """Every command of `contracts` with its options."""
    return _page(
        [
            *_heading("Command line", "consumer/cli/main.py and consumer/cli/"),
            "What `--help` says. Examples are in [Use the command line](../cli.md), exit codes in",
            "[Exit codes](exit-codes.md); [settings](settings.md) come from the environment.",
            *command_line_lines(),
        ]
    )


def python_page() -> str:
    """What other teams import."""
    return _page(
        [
            *_heading("Python API", "the public modules of contracts_client"),
            "What is promised of `contracts_client`; how to install it is described in",
            "[Publish a command](../publish.md#python-with-our-client). Types of what is sent and",
            "published are in `contracts_client.schemas`; their fields: [commands](commands.md),",
            "[events](events.md), [contract](contract.md).",
            *python_lines(),
        ]
    )


def _heading(title: str, source: str) -> tuple[str, ...]:
    return NOTE.format(source=source), "", f"# {title}", ""


def _page(lines: Iterable[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


PAGES: Final[dict[str, Callable[[], str]]] = {
    "settings.md": settings_page,
    "metrics.md": metrics_page,
    "messages.md": messages_page,
    "contract.md": contract_page,
    "commands.md": commands_page,
    "events.md": events_page,
    "command-line.md": command_line_page,
    "python.md": python_page,
    "exit-codes.md": exit_codes_page,
    "state-machine.md": state_machine_page,
}


def main() -> None:
    """Write all pages, and the description of the HTTP API."""
    REFERENCE.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), "utf-8")
    OPENAPI.write_bytes(rendered(unserved()))


if __name__ == "__main__":
    main()

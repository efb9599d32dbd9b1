"""`contracts publish`: publish one command."""

from __future__ import annotations

import sys
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, get_args

import orjson
import typer

from consumer.cli.output import Json, document_or_json, note
from consumer.cli.running import KAFKA, load_settings, run_async
from consumer.errors import InputRefused, WrongUsage
from schemas import names

if TYPE_CHECKING:
    from producers.messages import CommandMessage
    from producers.results import CommandResult
    from producers.sending import Sent

CommandName = Enum("CommandName", {name: name for name in get_args(names.CommandName)}, type=str)  # type: ignore[misc]
SOURCE = "/contracts-cli"


AccountArgument = Annotated[
    str,
    typer.Argument(help="Account id.", metavar="ACCOUNT", show_default=False),
]
DataOption = Annotated[
    str,
    typer.Option(
        "--data",
        metavar="JSON",
        help="Data of the command: JSON, @FILE, or - for stdin.",
        show_default=False,
    ),
]
FieldsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FIELD=VALUE",
        help="Set a field of the data. VALUE is JSON or text, as the schema requires. Nested: "
        "changes.notes=hello. Can be repeated.",
        show_default=False,
    ),
]
IdOption = Annotated[
    str | None,
    typer.Option("--id", metavar="ID", help="Id of the command. Default: a new one.", show_default=False),
]
SourceOption = Annotated[str, typer.Option(metavar="URI", help="Source of the command, a URI.")]
CheckOption = Annotated[
    bool, typer.Option(help="Check the data first. Unchecked, a mistake makes it a dead letter.")
]


def publish(
    command: Annotated[
        CommandName, typer.Argument(help="Name of the command.", metavar="COMMAND", show_default=False)
    ],
    account_id: AccountArgument,
    *,
    json_data: DataOption = "{}",
    fields: FieldsOption = None,
    command_id: IdOption = None,
    source: SourceOption = SOURCE,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the result. Exit code 9 if the command is rejected.")
    ] = False,
    check: CheckOption = True,
    as_json: Json = False,
) -> None:
    """Publish a command to Kafka.

    `contracts schemas export` writes the JSON Schemas with every field of each command. A command with the
    same id, source and account is a duplicate and changes nothing, so it is safe to send it again.

    For instance:

    contracts publish create acme --set contract_type=basic --wait

    contracts publish update acme --set changes.auto_renewal=false

    contracts publish cancel acme --data '{"effective": "end_of_term", "reason": "moved away"}'
    """
    from producers.messages import unchecked_message

    data = data_of(command.value, json_data, fields, check=check)
    message = unchecked_message(command.value, account_id, data, source=source, command_id=command_id)
    known: list[Sent] = []
    sent, result = run_async(
        _send(message, known, wait=wait),
        interrupted=lambda: _after_interrupt(message, known),
        waiting_for=lambda: None if known else KAFKA,
    )
    document_or_json(_described(message, sent, result), as_json=as_json)
    if result is not None:
        result.raise_if_rejected()


def data_of(name: str, json_data: str, fields: list[str] | None, *, check: bool) -> bytes:
    """The data of a command as its options give it.

    Raises:
        InputRefused, WrongUsage: they cannot be read, or, with `check`, do not fit the command's schema.
    """
    data = _with_fields(name, _read(json_data), fields or [])
    if check:
        _refuse_mistakes(name, data)
    return data


async def _send(
    message: CommandMessage, known: list[Sent], *, wait: bool
) -> tuple[Sent, CommandResult | None]:
    from producers.connect import make_command_producer

    settings = load_settings()

    def on_sent(sent: Sent) -> None:
        known.append(sent)
        note(f"{_in_log(sent)}; waiting up to {settings.result_timeout_seconds:g} s for its result")

    async with make_command_producer(settings) as producer:
        if wait:
            return await producer.awaiting().exchange(message, on_sent=on_sent)
        return await producer.sent(message), None


def _in_log(sent: Sent) -> str:
    return f"command {sent.command_id} is in {sent.topic}, partition {sent.partition}, offset {sent.offset}"


def _after_interrupt(message: CommandMessage, sent: list[Sent]) -> str:
    """After Ctrl-C: whether the command is in the log, and how to find out its outcome."""
    if sent:
        ask = f"`contracts result {message.command_id} --account {message.account_id}`"
        return f"{_in_log(sent[0])}, and will be applied: see {ask}"
    same = f"--id {message.command_id} --source {message.source}"
    return f"the command may be in the log; it is safe to send it again with {same}"


def _described(message: CommandMessage, sent: Sent, result: CommandResult | None) -> dict[str, Any]:
    from schemas.commands import COMMANDS

    described: dict[str, Any] = {
        "id": message.command_id,
        "source": message.source,
        "type": COMMANDS[message.name].type,
        "account_id": message.account_id,
        "topic": sent.topic,
        "partition": sent.partition,
        "offset": sent.offset,
    }
    return described if result is None else {**described, "result": result.as_data()}


def _read(text: str) -> bytes:
    if text == "-":
        return sys.stdin.buffer.read()
    if text.startswith("@"):
        try:
            return Path(text[1:]).read_bytes()
        except OSError as error:
            raise InputRefused(f"cannot read {text[1:]}: {error.strerror}") from None
    return text.encode()


def _with_fields(name: str, data: bytes, fields: list[str]) -> bytes:
    """The data byte for byte, or with the fields of --set added."""
    if not fields:
        return data
    from schemas.digits import dump_exactly, read_exactly

    try:
        document = read_exactly(data)
    except orjson.JSONDecodeError as error:
        raise InputRefused(f"--data is not JSON: {error}") from None
    for field in fields:
        path, separator, value = field.partition("=")
        if not separator or not isinstance(document, dict):
            raise WrongUsage(f"--set {field}: must be FIELD=VALUE on an object")
        _put(document, path.split("."), _value(name, path.split("."), value))
    # Keeps all digits of a number, so that the check refuses it instead of rounding it.
    return dump_exactly(document)


def _put(document: dict[str, Any], path: list[str], value: Any) -> None:
    for step in path[:-1]:
        document = document.setdefault(step, {})
        if not isinstance(document, dict):
            raise InputRefused(f"--set {'.'.join(path)}: {step} is not an object")
    document[path[-1]] = value


def _value(name: str, path: list[str], text: str) -> Any:
    """The value as JSON if it is JSON (7, true, [...]) of a type that the schema allows, else as text."""
    from schemas.digits import read_exactly

    try:
        value = read_exactly(text.encode("utf-8", "surrogateescape"))
    except orjson.JSONDecodeError:
        return text
    wanted = _types_at(name, path)
    return text if "string" in wanted and not _JSON_TYPES.get(type(value), wanted) & wanted else value


_JSON_TYPES: Final = {
    bool: {"boolean"},
    int: {"integer", "number"},
    float: {"number"},
    Decimal: {"number"},
    list: {"array"},
    dict: {"object"},
}
"""Names of Python's types in JSON Schema, but for text and null."""


def _types_at(name: str, path: list[str]) -> set[str]:
    from schemas.commands import COMMANDS
    from schemas.places import nodes_at

    return {str(node.get("type")) for node in nodes_at(COMMANDS[name].type, tuple(path))}


def _refuse_mistakes(name: str, data: bytes) -> None:
    from pydantic import ValidationError

    from schemas.commands import COMMANDS
    from schemas.digits import lost_digits
    from schemas.mistakes import mistakes
    from schemas.strict_json import NotJson, parse

    parsed = parse(data)
    if isinstance(parsed, NotJson):
        raise InputRefused(f"the data {parsed.message}")
    try:
        document = COMMANDS[name].adapter.validator.validate_json(data, strict=True)
        found = lost_digits(data, document)
    except ValidationError as error:
        found = mistakes(COMMANDS[name], error)
    if found:
        listed = "; ".join(f"{mistake['path'] or 'data'} {mistake['message']}" for mistake in found)
        raise InputRefused(
            listed, hint="`contracts schemas export DIR` writes the schemas; --no-check sends it anyway"
        )

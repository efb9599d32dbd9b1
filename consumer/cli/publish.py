"""`contracts publish`: put one command into the log."""

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
    from producers.commands import Sent
    from producers.messages import CommandMessage
    from producers.results import CommandResult

CommandName = Enum("CommandName", {name: name for name in get_args(names.CommandName)}, type=str)  # type: ignore[misc]
SOURCE = "/contracts-cli"


def publish(
    command: Annotated[
        CommandName, typer.Argument(help="What to do.", metavar="COMMAND", show_default=False)
    ],
    account_id: Annotated[
        str,
        typer.Argument(help="The account whose contract it is about.", metavar="ACCOUNT", show_default=False),
    ],
    *,
    json_data: Annotated[
        str,
        typer.Option(
            "--data",
            metavar="JSON",
            help="The command's data: JSON, @FILE, or - for stdin.",
            show_default=False,
        ),
    ] = "{}",
    fields: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="Added to the data, as its schema has it; nested: changes.notes=hello; null is JSON's.",
            show_default=False,
        ),
    ] = None,
    command_id: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", help="Id of the command; default: a new one.", show_default=False),
    ] = None,
    source: Annotated[str, typer.Option(metavar="URI", help="Who sends it: a URI-reference.")] = SOURCE,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the result; exit code 9 when rejected.")
    ] = False,
    check: Annotated[
        bool, typer.Option(help="Check the data first; without it mistakes become dead letters.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Publish a command to Kafka.

    `contracts schemas export` writes the JSON Schemas, with every field of each command. The same id, source
    and account again is a duplicate and changes nothing: repeating is safe.

    For instance:

    contracts publish create acme --set contract_type=basic --wait

    contracts publish update acme --set changes.auto_renewal=false

    contracts publish cancel acme --data '{"effective": "end_of_term", "reason": "moved away"}'
    """
    from producers.messages import unchecked_message

    data = _with_fields(command.value, _read(json_data), fields or [])
    if check:
        _refuse_mistakes(command.value, data)
    message = unchecked_message(command.value, account_id, data, source=source, command_id=command_id)
    place: list[Sent] = []
    sending = _send(message, place, wait=wait)
    sent, result = run_async(
        sending,
        interrupted=lambda: _how_it_stands(message, place),
        waiting_for=lambda: None if place else KAFKA,
    )
    document_or_json(_described(message, sent, result), as_json=as_json)
    if result is not None:
        result.raise_if_rejected()


async def _send(
    message: CommandMessage, place: list[Sent], *, wait: bool
) -> tuple[Sent, CommandResult | None]:
    from producers.connect import make_command_producer

    settings = load_settings()

    def tell(sent: Sent) -> None:
        place.append(sent)
        note(f"{_in_log(sent)}; waiting up to {settings.result_timeout_seconds:g} s for its result")

    async with make_command_producer(settings) as producer:
        if wait:
            return await producer.awaiting().exchange(message, on_sent=tell)
        return await producer.sent(message), None


def _in_log(sent: Sent) -> str:
    return f"command {sent.command_id} is in {sent.topic}, partition {sent.partition}, offset {sent.offset}"


def _how_it_stands(message: CommandMessage, place: list[Sent]) -> str:
    """After Ctrl-C: whether the command is in the log, and how to see or find out what becomes of it."""
    if place:
        return f"{_in_log(place[0])}, and will be applied: `contracts history {message.account_id}` tells"
    same = f"--id {message.command_id} --source {message.source}"
    return f"the command may be in the log or not; sending it again with {same} is safe"


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
    """The data as it was written, byte for byte, unless fields are to be added."""
    if not fields:
        return data
    try:
        document = _exactly(data)
    except orjson.JSONDecodeError as error:
        raise InputRefused(f"--data is not JSON: {error}") from None
    for field in fields:
        path, separator, value = field.partition("=")
        if not separator or not isinstance(document, dict):
            raise WrongUsage(f"--set {field}: must be FIELD=VALUE on an object")
        _put(document, path.split("."), _value(name, path.split("."), value))
    # A number with more digits than are accepted stays as it was written, to be refused as that.
    return orjson.dumps(document, default=lambda number: orjson.Fragment(str(number)))


def _exactly(text: bytes) -> Any:
    from schemas.digits import parse_exactly

    orjson.loads(text)
    return parse_exactly(text)


def _put(document: dict[str, Any], path: list[str], value: Any) -> None:
    for step in path[:-1]:
        document = document.setdefault(step, {})
        if not isinstance(document, dict):
            raise InputRefused(f"--set {'.'.join(path)}: {step} is not an object")
    document[path[-1]] = value


def _value(name: str, path: list[str], text: str) -> Any:
    """JSON where it is JSON (7, true, null, [...]), else text; and text where the schema has only text."""
    try:
        value = _exactly(text.encode("utf-8", "surrogateescape"))
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
"""Types in Python with their names in JSON Schema; text is text, and null is told by the schema."""


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
            listed, hint="`contracts schemas export DIR` writes every field; --no-check sends it all the same"
        )

"""Commands as records in the binary mode of CloudEvents, checked against the published schema."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pydantic import ValidationError

from consumer.arguments import check
from consumer.errors import InputRefused
from consumer.telemetry.trace_context import current_trace
from producers.jsonable import NoJson, jsonable
from schemas.cloudevents import CONTENT_TYPE, JSON_MEDIA_TYPE, SPEC_VERSION
from schemas.commands import COMMANDS, CommandSpec
from schemas.contract import to_json
from schemas.envelopes import BadEnvelope, read_binary
from schemas.limits import MAX_ACCOUNT_CHARACTERS, MAX_COMMAND_BYTES, account_of
from schemas.messages import schema_uri
from schemas.mistakes import mistakes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.cloudevents import Header


@dataclass(frozen=True, slots=True)
class CommandMessage:
    """A valid command, ready to send. It is safe to send it twice: the second is a duplicate."""

    name: str
    account_id: str
    command_id: str
    source: str
    value: bytes
    headers: tuple[Header, ...]

    @property
    def key(self) -> bytes:
        """The record's key."""
        return self.account_id.encode()


def command_message(
    name: str,
    account_id: str,
    data: Mapping[str, Any],
    *,
    source: str,
    command_id: str | None = None,
    correlation_id: str | None = None,
    at: datetime | None = None,
    max_bytes: int = MAX_COMMAND_BYTES,
) -> CommandMessage:
    """A command with the current trace, if there is one, and the same checks as in the service.

    Args:
        name: of the command, for instance `create`.
        account_id: the account.
        data: according to the command's schema, with aware datetimes, and Decimal or a number for money.
        source: the sender, as a URI reference.
        command_id: unique within the source; default: a new one. A second command with the same id is a
            duplicate.
        correlation_id: copied to the events of the command.
        at: `ce_time`; default: now. The service uses the broker's time instead.
        max_bytes: the limit of the service.

    Raises:
        InputRefused: lists every mistake in the data, without quoting values.
    """
    check(name=name, account_id=account_id, data=data, source=source)
    optional = {"command_id": command_id, "correlation_id": correlation_id, "at": at}
    check(**{key: value for key, value in optional.items() if value is not None})
    spec = _spec(name)
    _check_account(account_id)
    value = _encoded(spec, data, max_bytes)
    command_id = str(uuid4()) if command_id is None else command_id
    attributes = _attributes(spec, account_id, command_id, source, at or datetime.now(UTC))
    if correlation_id is not None:
        attributes["ce_correlationid"] = correlation_id
    attributes |= current_trace()
    return CommandMessage(name, account_id, command_id, source, value, _headers(name, attributes))


def unchecked_message(
    name: str, account_id: str, value: bytes, *, source: str, command_id: str | None = None
) -> CommandMessage:
    """A command with these bytes as its data, unchecked: it may become a dead letter.

    Raises:
        InputRefused: the account, source or id is wrong, so that its result could not be found.
    """
    check(name=name, account_id=account_id, source=source)
    spec = _spec(name)
    _check_account(account_id)
    command_id = str(uuid4()) if command_id is None else command_id
    attributes = _attributes(spec, account_id, command_id, source, datetime.now(UTC))
    return CommandMessage(name, account_id, command_id, source, value, _headers(name, attributes))


def _spec(name: str) -> CommandSpec:
    spec = COMMANDS.get(name)
    if spec is None:
        raise InputRefused(f"there is no command {name!r}; known: {', '.join(COMMANDS)}")
    return spec


def _check_account(account_id: str) -> None:
    try:
        sound = account_of(account_id.encode()) is not None
    except UnicodeEncodeError:
        sound = False
    if not sound:
        raise InputRefused(f"an account id has 1 to {MAX_ACCOUNT_CHARACTERS} printable characters")


def _encoded(spec: CommandSpec, data: Mapping[str, Any], max_bytes: int) -> bytes:
    try:
        value = to_json(jsonable(data))
    except NoJson as error:
        raise _refused(spec.name, [(error.path, error.why)]) from None
    if len(value) > max_bytes:
        raise InputRefused(f"{spec.name}: the data has {len(value)} bytes; at most {max_bytes} are accepted")
    try:
        spec.adapter.validate_json(value, strict=True)
    except ValidationError as error:
        found = mistakes(spec, error)
        raise _refused(spec.name, [(each["path"], each["message"]) for each in found]) from None
    return value


def _refused(name: str, errors: list[tuple[str, str]]) -> InputRefused:
    path, why = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return InputRefused(f"{name}: {path or 'the data'} {why}{more}", errors=errors)


def _attributes(
    spec: CommandSpec, account_id: str, command_id: str, source: str, at: datetime
) -> dict[str, str]:
    return {
        "ce_specversion": SPEC_VERSION,
        "ce_id": command_id,
        "ce_source": source,
        "ce_type": spec.type,
        "ce_subject": account_id,
        "ce_time": at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "ce_dataschema": schema_uri(spec.label),
        "ce_partitionkey": account_id,
        CONTENT_TYPE: JSON_MEDIA_TYPE,
    }


def _headers(name: str, attributes: Mapping[str, str]) -> tuple[Header, ...]:
    try:
        headers = {header: text.encode() for header, text in attributes.items()}
    except UnicodeEncodeError:
        raise InputRefused(f"{name}: an attribute is not Unicode text") from None
    envelope = read_binary(headers)
    if isinstance(envelope, BadEnvelope):
        raise InputRefused(f"{name}: {envelope.attribute} {envelope.message}")
    return tuple(headers.items())

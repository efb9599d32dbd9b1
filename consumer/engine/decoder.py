"""Decodes records to commands. Any bytes become a Decoded, and the same bytes always the same one.

The checks in their order; the first that fails decides:

1. the key is there: UTF-8, 1 to 128 printable characters             `key_mismatch`
2. the key's home is this partition. Else the record is forwarded, whatever else may be wrong
   with it, so that its dead letter lies among its account's other records too; but one that
   was forwarded before is                                            `wrong_partition`
   and one too large to be a command, or to be sent again,            `malformed`
3. the record's timestamp is in the years 1970 to 9999                `bad_envelope`
4. the attributes are CloudEvents 1.0                                 `bad_envelope`
5. the subject, if there is one, equals the key                       `key_mismatch`
6. the type is one of ours                                            `unknown_type`
7. the value is JSON (in structured mode, where it holds the
   attributes, before 4)                                              `malformed`
8. the data is what the type's schema says                            `schema_violation`
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from pydantic import ValidationError

from consumer.domain.model import Command
from consumer.engine.modes import Fault, Opened, open_record, parse_value
from consumer.engine.records import (
    FORWARDED_FROM,
    LAST_MILLISECOND,
    Incoming,
    Misplaced,
    Undecodable,
    bytes_in,
    record_time,
)
from schemas.commands import COMMANDS_BY_TYPE
from schemas.digits import lost_digits
from schemas.identity import command_content, command_identity
from schemas.limits import MAX_ACCOUNT_CHARACTERS, MAX_COMMAND_BYTES, account_of
from schemas.mistakes import mistakes, unknown_type
from schemas.partitioning import murmur2_home
from schemas.strict_json import NotJson
from schemas.upcasting import upcast_command

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.engine.records import Decoded, Record
    from schemas.events import FieldError


_NO_KEY = Fault(
    "key_mismatch", f"the key must be the account id: 1 to {MAX_ACCOUNT_CHARACTERS} printable characters"
)
_NO_TIME = Fault("bad_envelope", "the record's timestamp lies outside the years 1970 to 9999")


class Decoder:
    """Decodes the records of one topic with `partitions` partitions.

    `base` is added to offsets, so that sequence numbers grow when the topic is created again.
    """

    def __init__(
        self,
        partitions: int,
        *,
        home_of: Callable[[bytes, int], int] = murmur2_home,
        max_command_bytes: int = MAX_COMMAND_BYTES,
        base: int = 0,
    ) -> None:
        self._partitions = partitions
        self._home_of = home_of
        self._max_bytes = max_command_bytes
        self._base = base

    def decode(self, record: Record) -> Decoded:
        """Decodes a record. Never raises."""
        key = record.key
        account_id = account_of(key)
        if key is None or account_id is None:
            return self._early(record, None, _NO_KEY)
        home = self._home_of(key, self._partitions)
        if home != record.partition:
            return self._elsewhere(record, account_id, home)
        if not 0 <= record.timestamp <= LAST_MILLISECOND:
            return self._early(record, account_id, _NO_TIME)
        opened = open_record(record, self._max_bytes)
        found = self._command(record, account_id, opened) if isinstance(opened, Opened) else opened
        return _undecodable(record, account_id, found) if isinstance(found, Fault) else found

    def _command(self, record: Record, account_id: str, opened: Opened) -> Incoming | Fault:
        envelope, raw, is_json = opened
        if envelope.subject is not None and envelope.subject != account_id:
            return Fault("key_mismatch", "the subject is not the key", "subject", envelope)
        spec = COMMANDS_BY_TYPE.get(envelope.type)
        if spec is None:
            return Fault("unknown_type", unknown_type(envelope.type), "type", envelope)
        parsed = orjson.loads(raw or b"") if is_json else parse_value(raw, self._max_bytes)
        if isinstance(parsed, NotJson):
            return Fault("malformed", parsed.message, "", envelope)
        try:
            document = spec.adapter.validator.validate_json(raw or b"", strict=True)
        except ValidationError as error:
            errors = mistakes(spec, error)
            return Fault(
                "schema_violation",
                _summary(errors[0], error.error_count()),
                errors[0]["path"],
                envelope,
                errors,
            )
        if lost := lost_digits(record.value or b"", document, "data" if is_json else None):
            return Fault("schema_violation", _summary(lost[0], len(lost)), lost[0]["path"], envelope, lost)
        document = upcast_command(spec, document)
        identity = command_identity(account_id, envelope.source, envelope.id)
        command = Command(
            spec.name,
            account_id,
            document,
            identity,
            envelope.source,
            envelope.id,
            self._base + record.offset,
        )
        content = command_content(envelope.type, parsed)
        return Incoming(command, spec, record_time(record), envelope, record, content)

    def _elsewhere(self, record: Record, account_id: str, home: int) -> Misplaced | Undecodable:
        if any(name == FORWARDED_FROM for name, _ in record.headers):
            message = f"was forwarded here, but the key's home is partition {home} of {self._partitions}"
            return self._early(record, account_id, Fault("wrong_partition", message))
        if bytes_in(record) > self._max_bytes:
            fault = Fault("malformed", f"larger than {self._max_bytes} bytes")
            return self._early(record, account_id, fault)
        return Misplaced(home, account_id, record)

    def _early(self, record: Record, account_id: str | None, fault: Fault) -> Undecodable:
        """A fault found before the envelope was read.

        If the record names its producer, that gets a result.
        """
        envelope = open_record(record, self._max_bytes).envelope
        return _undecodable(record, account_id, fault._replace(envelope=envelope))


def _summary(first: FieldError, count: int) -> str:
    message = f"{first['path'] or 'the data'} {first['message']}"
    return message if count == 1 else f"{message} (the first of {count} mistakes)"


def _undecodable(record: Record, account_id: str | None, fault: Fault) -> Undecodable:
    code, message, path, envelope, errors = fault
    return Undecodable(code, message, path, record, envelope, account_id, errors)

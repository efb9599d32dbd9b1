"""The two content modes of CloudEvents on Kafka: separates envelope and data of a record."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import orjson

from schemas.cloudevents import CONTENT_TYPE, STRUCTURED_MEDIA_TYPE, Envelope
from schemas.envelopes import LIMITS, BadEnvelope, media_type, read_structured, repeated_headers
from schemas.strict_json import NotJson, parse
from schemas.usual_headers import read_headers

if TYPE_CHECKING:
    from consumer.engine.records import Record
    from schemas.events import DeadLetterCode, FieldError

_NO_ATTRIBUTES: Final = (
    "no CloudEvents attributes: neither a ce_specversion header nor a JSON object with specversion"
)


class Fault(NamedTuple):
    """Why a record is not a command."""

    code: DeadLetterCode
    message: str
    path: str = ""
    envelope: Envelope | None = None
    errors: tuple[FieldError, ...] = ()


class Opened(NamedTuple):
    """An envelope, and its data as JSON text; if `is_json` is false, the text must still be checked."""

    envelope: Envelope
    raw: bytes | None
    is_json: bool


def open_record(record: Record, max_bytes: int) -> Opened | Fault:
    """Envelope and data of a record in either mode."""
    given = record.headers
    headers = dict(given)
    mode = _mode(headers.get(CONTENT_TYPE), has_version="ce_specversion" in headers)
    if mode == "structured":
        return _open_structured(record.value, max_bytes)
    if mode == "other":
        return Fault("bad_envelope", f"{CONTENT_TYPE} must be {STRUCTURED_MEDIA_TYPE}", CONTENT_TYPE)
    envelope = read_headers(headers, () if len(headers) == len(given) else repeated_headers(given))
    if isinstance(envelope, BadEnvelope):
        return _bad(envelope)
    return Opened(envelope, record.value, is_json=False)


def parse_value(value: bytes | None, max_bytes: int) -> Any | NotJson:
    """A record's value as JSON."""
    if value is None:
        return NotJson("the record has no value")
    if len(value) > max_bytes:
        return NotJson(f"larger than {max_bytes} bytes")
    return parse(value)


def _mode(content_type: bytes | None, *, has_version: bool) -> Literal["binary", "structured", "other"]:
    if content_type is None:
        return "binary" if has_version else "structured"
    # Long values are not cached: senders must not be able to fill the memory.
    return "binary" if len(content_type) > LIMITS["datacontenttype"] else _mode_by(content_type)


@lru_cache(maxsize=256)
def _mode_by(content_type: bytes) -> Literal["binary", "structured", "other"]:
    essence = media_type(content_type.decode("utf-8", "replace"))
    if essence == STRUCTURED_MEDIA_TYPE:
        return "structured"
    return "other" if b"application/cloudevents" in content_type.lower() else "binary"


def _open_structured(value: bytes | None, max_bytes: int) -> Opened | Fault:
    event = parse_value(value, max_bytes)
    if isinstance(event, NotJson):
        return Fault("malformed", event.message)
    if not isinstance(event, dict) or "specversion" not in event:
        return Fault("bad_envelope", _NO_ATTRIBUTES)
    envelope = read_structured(event)
    if isinstance(envelope, BadEnvelope):
        return _bad(envelope)
    if event.get("data_base64") is not None:
        return Fault("bad_envelope", "data must be JSON, not base64", "data_base64", envelope)
    if "data" not in event:
        return Fault("malformed", "the event has no data", "", envelope)
    return Opened(envelope, orjson.dumps(event["data"]), is_json=True)


def _bad(found: BadEnvelope) -> Fault:
    return Fault("bad_envelope", f"{found.attribute} {found.message}", found.attribute, found.envelope)

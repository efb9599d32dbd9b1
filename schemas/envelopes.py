"""Reads CloudEvents attributes from a record's headers, or from a JSON object."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from schemas.cloudevents import CONTENT_TYPE, HEADER_PREFIX, JSON_MEDIA_TYPE, SPEC_VERSION, Envelope
from schemas.uri import is_uri, is_uri_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    Check = Callable[[str], str | None]
    """Returns what is wrong with a text, worded to follow the attribute's name; None: the text is valid."""

LIMITS: Final[dict[str, int]] = {
    "id": 256,
    # `last_modified_by` is the `requested_by` or else this source, so both have the same limit.
    "source": 128,
    "type": 256,
    "subject": 128,
    "time": 64,
    "datacontenttype": 256,
    "dataschema": 1_024,
    "correlationid": 256,
    "traceparent": 128,
    "tracestate": 512,
}
"""Maximum number of characters in the attributes that the service reads. For all others only the name is
checked, and in JSON the type of the value.
"""

REQUIRED: Final = frozenset({"specversion", "id", "source", "type"})

TRACE: Final = frozenset({"traceparent", "tracestate"})
"""Copied if well-formed, otherwise dropped: W3C Trace Context says that a bad trace must do no harm."""

_PREFIXED: Final = len(HEADER_PREFIX)

_REPEATED: Final = "is given more than once"

_DATA: Final = frozenset({"data", "data_base64"})
"""The fields of a JSON event that are not attributes."""

_NAME: Final = re.compile("[a-z0-9]+")
_BAD_NAME: Final = "is no name that CloudEvents allows: only a-z and 0-9"
_BAD_VALUE: Final = "must be text, a boolean or a whole number of 32 bits"
_SHOWN_NAME: Final = 64

_FORBIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane << 16 | end) for plane in range(17) for end in (0xFFFE, 0xFFFF))
    + "]"
)
"""Characters that no CloudEvents string may contain: control characters, surrogates and noncharacters.

`str.isprintable` alone is not enough: it refuses more, and that changes with the Unicode version of Python,
so a replay could decide differently. A text that it accepts has none of these characters.
"""

_TIMESTAMP = re.compile(
    r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)"
    r"(\.[0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)


@dataclass(frozen=True, slots=True)
class BadEnvelope:
    """The attributes are not valid CloudEvents 1.0. Names the first mistake, in the order of the checks.

    `attribute` is the name of the header or field; `message` is worded to follow it. `envelope` is present
    if id, source and type could be read anyway, so that the producer gets a result.
    """

    attribute: str
    message: str
    envelope: Envelope | None = None


def read_binary(
    headers: Mapping[str, bytes | None], repeated: Collection[str] = ()
) -> Envelope | BadEnvelope:
    """Reads the envelope from a record's headers.

    `repeated` are the attribute headers that occur more than once (see `repeated_headers`). A header
    without a value counts as absent, as null does in the JSON format.
    """
    sound: dict[str, str] = {}
    mistakes: list[tuple[str, str]] = []
    for name, header, check in BINARY:
        raw = headers.get(header)
        if raw is None and name in TRACE:
            # Producers instrumented for Kafka, not for CloudEvents, have their trace in plain headers.
            raw = headers.get(name)
        if raw is None:
            why = "is missing" if name in REQUIRED else None
        else:
            text = raw.decode("utf-8", "surrogateescape")
            why = check(text) if header not in repeated else _REPEATED
            if why is None:
                sound[name] = text
        if why is not None and name not in TRACE:
            mistakes.append((header, why))
    if repeated:
        mistakes += [(header, _REPEATED) for header in sorted(repeated) if header not in _OURS]
    mistakes += [
        (header[:_SHOWN_NAME], _BAD_NAME)
        for header in headers
        if header not in _OURS and header.startswith(HEADER_PREFIX) and not _is_name(header[_PREFIXED:])
    ]
    return _judge(sound, mistakes)


def read_structured(event: Mapping[str, Any]) -> Envelope | BadEnvelope:
    """Reads the envelope from a JSON object, without its data."""
    sound: dict[str, str] = {}
    mistakes: list[tuple[str, str]] = []
    for name, check in _CHECKS.items():
        value = event.get(name)
        if value is None:
            why = "is missing" if name in REQUIRED else None
        else:
            why = check(value) if isinstance(value, str) else "must be text"
            if why is None:
                sound[name] = value
        if why is not None and name not in TRACE:
            mistakes.append((name, why))
    others = ((name, event[name]) for name in event if name not in _CHECKS and name not in _DATA)
    mistakes += [(name[:_SHOWN_NAME], why) for name, value in others if (why := _of_extension(name, value))]
    return _judge(sound, mistakes)


def _is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def _of_extension(name: str, value: object) -> str | None:
    """What is wrong with an attribute that the service does not read, in JSON. Null means absent."""
    if not _is_name(name):
        return _BAD_NAME
    if value is None or isinstance(value, str | bool):
        return None
    return None if isinstance(value, int) and -(2**31) <= value < 2**31 else _BAD_VALUE


def repeated_headers(headers: Iterable[tuple[str, bytes | None]]) -> frozenset[str]:
    """The names of attribute headers that occur more than once. Other headers may be repeated."""
    counts = Counter(name for name, _ in headers)
    return frozenset(
        name
        for name, count in counts.items()
        if count > 1 and (name == CONTENT_TYPE or name.startswith(HEADER_PREFIX))
    )


def media_type(text: str) -> str:
    """`Application/JSON; charset=utf-8` -> `application/json`; other charsets: "", not supported."""
    essence, *parameters = text.lower().split(";")
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        if name == "charset" and value.strip('"') not in {"utf-8", "utf8", "us-ascii"}:
            return ""
    return essence.strip()


def _is_json(content_type: str) -> bool:
    return media_type(content_type) == JSON_MEDIA_TYPE


def _is_timestamp(text: str) -> bool:
    return _TIMESTAMP.fullmatch(text) is not None


def _judge(sound: dict[str, str], mistakes: list[tuple[str, str]]) -> Envelope | BadEnvelope:
    get = sound.get
    id_, source, type_ = get("id"), get("source"), get("type")
    if id_ is None or source is None or type_ is None:
        return BadEnvelope(*mistakes[0])
    envelope = Envelope(
        id_,
        source,
        type_,
        get("subject"),
        get("time"),
        get("datacontenttype"),
        get("correlationid"),
        get("traceparent"),
        get("tracestate"),
    )
    return BadEnvelope(*mistakes[0], envelope) if mistakes else envelope


def _check(name: str, also: Check | None = None) -> Check:
    """Makes a check for a CloudEvents string of limited length, with an additional rule."""
    limit = LIMITS[name]

    def check(text: str) -> str | None:
        if not text:
            return "is empty"
        if len(text) > limit:
            return f"has more than {limit} characters"
        if not text.isprintable() and _FORBIDDEN.search(text):
            return "contains characters that CloudEvents forbids, or is not UTF-8"
        return also(text) if also else None

    return check


def _remembering(name: str, also: Check | None = None) -> Check:
    """The same, with a cache, for attributes with only a few different values."""
    limit = LIMITS[name]
    check = lru_cache(maxsize=1024)(_check(name, also))
    # Long texts are never cached, so that senders cannot fill the memory.
    return lambda text: check(text) if len(text) <= limit else f"has more than {limit} characters"


def _must(rule: Callable[[str], bool], why_not: str) -> Check:
    return lambda text: None if rule(text) else why_not


_CHECKS: Final[dict[str, Check]] = {
    "specversion": _must(lambda text: text == SPEC_VERSION, f"must be {SPEC_VERSION}"),
    "id": _check("id"),
    "source": _remembering("source", _must(is_uri_reference, "is not a URI-reference")),
    "type": _remembering("type"),
    "subject": _check("subject"),
    "time": _check("time", _must(_is_timestamp, "is not an RFC 3339 date-time")),
    "datacontenttype": _remembering("datacontenttype", _must(_is_json, f"must be {JSON_MEDIA_TYPE}")),
    "dataschema": _remembering("dataschema", _must(is_uri, "is not a URI")),
    "correlationid": _check("correlationid"),
    "traceparent": _check("traceparent"),
    "tracestate": _check("tracestate"),
}
"""The attributes that the service reads, in the order of the checks."""

BINARY: Final = tuple(
    (name, CONTENT_TYPE if name == "datacontenttype" else HEADER_PREFIX + name, check)
    for name, check in _CHECKS.items()
)

_OURS: Final = frozenset(header for _, header, _ in BINARY)

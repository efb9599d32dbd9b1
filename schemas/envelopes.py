"""Reading CloudEvents attributes: from a record's headers, or from a JSON object."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from schemas.cloudevents import CONTENT_TYPE, HEADER_PREFIX, JSON_MEDIA_TYPE, SPEC_VERSION, Envelope
from schemas.uri import is_uri, is_uri_reference

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

LIMITS: Final[dict[str, int]] = {
    "specversion": 16,
    "id": 256,
    # Who changed a contract is its `requested_by` or else this source, so both have one limit.
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
"""The attributes that are read, and how many characters each may have. All others are ignored."""

REQUIRED: Final = ("specversion", "id", "source", "type")

TRACE: Final = ("traceparent", "tracestate")
"""Passed on when well-formed and dropped when not: W3C Trace Context puts the work before its trace."""

_HEADERS: Final = tuple(
    (name, CONTENT_TYPE if name == "datacontenttype" else HEADER_PREFIX + name) for name in LIMITS
)
_HEADER_OF: Final = dict(_HEADERS)

_FORBIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane << 16 | end) for plane in range(17) for end in (0xFFFE, 0xFFFF))
    + "]"
)
"""Control characters, surrogates and noncharacters: what no CloudEvents string may contain.

`str.isprintable` alone would not do: it refuses more, and what it refuses changes with the Unicode
version of the Python at hand, so that a replay could decide otherwise. What it accepts is free of these.
"""

_TIMESTAMP = re.compile(
    r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)"
    r"(\.[0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)


@dataclass(frozen=True, slots=True)
class BadEnvelope:
    """Attributes that are not CloudEvents 1.0: the first mistake found.

    `attribute` is the name of the header or field, and `message` is meant to follow it. `envelope`
    is there when id, source and type could be read all the same, so that their producer can be told.
    """

    attribute: str
    message: str
    envelope: Envelope | None = None


def read_binary(
    headers: Mapping[str, bytes | None], repeated: Collection[str] = ()
) -> Envelope | BadEnvelope:
    """The envelope in a record's headers.

    `repeated` are the attribute headers that occur more than once (see `repeated_headers`). A header
    without a value counts as absent, as null does in the JSON format.
    """
    texts: dict[str, str] = {}
    mistake = (min(repeated), "is given more than once") if repeated else None
    for name, header in _HEADERS:
        raw = headers.get(header)
        if raw is not None and header not in repeated:
            try:
                texts[name] = raw.decode()
            except UnicodeDecodeError:
                mistake = mistake or (header, "is not UTF-8")
    if "traceparent" not in texts:
        _take_transport_trace(headers, texts)
    found = _first_mistake(texts)
    if mistake is None and found is None:
        return _envelope(texts)
    return _bad(mistake or (_HEADER_OF[found[0]], found[1]), texts)  # type: ignore[index]


def read_structured(event: Mapping[str, Any]) -> Envelope | BadEnvelope:
    """The envelope in a JSON object; its data is not looked at."""
    given = {name: event[name] for name in LIMITS if event.get(name) is not None}
    texts = {name: value for name, value in given.items() if value.__class__ is str}
    not_text = [name for name in given if name not in texts and name not in TRACE]
    mistake = (not_text[0], "must be text") if not_text else _first_mistake(texts)
    return _envelope(texts) if mistake is None else _bad(mistake, texts)


def repeated_headers(headers: Iterable[tuple[str, bytes | None]]) -> frozenset[str]:
    """The names of attribute headers that occur more than once; others may repeat as they like."""
    counts = Counter(name for name, _ in headers)
    return frozenset(
        name
        for name, count in counts.items()
        if count > 1 and (name == CONTENT_TYPE or name.startswith(HEADER_PREFIX))
    )


@lru_cache(maxsize=256)
def media_type(text: str) -> str:
    """`Application/JSON; charset=utf-8` -> `application/json`; with another charset: `` (no such type)."""
    essence, *parameters = text.lower().split(";")
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        if name == "charset" and value.strip('"') not in {"utf-8", "utf8", "us-ascii"}:
            return ""
    return essence.strip()


def _take_transport_trace(headers: Mapping[str, bytes | None], texts: dict[str, str]) -> None:
    """Producers instrumented for Kafka, not for CloudEvents, have their trace in plain headers."""
    for name in TRACE:
        raw = headers.get(name)
        if raw is not None:
            texts[name] = raw.decode("utf-8", "replace")


def _first_mistake(texts: dict[str, str]) -> tuple[str, str] | None:
    """The first attribute that is wrong and why. Takes broken traces out of `texts`."""
    wrong = [(name, why) for name, text in texts.items() if (why := _why_no_string(text, LIMITS[name]))]
    for name, why in wrong:
        if name not in TRACE:
            return name, why
        del texts[name]
    for name in REQUIRED:
        if name not in texts:
            return name, "is missing"
    return _wrong_value(texts)


def _why_no_string(text: str, limit: int) -> str | None:
    if 0 < len(text) <= limit and text.isprintable():
        return None
    if not text:
        return "is empty"
    if len(text) > limit:
        return f"has more than {limit} characters"
    return "contains a character that CloudEvents forbids" if _FORBIDDEN.search(text) else None


def _wrong_value(texts: dict[str, str]) -> tuple[str, str] | None:
    if texts["specversion"] != SPEC_VERSION:
        return "specversion", f"must be {SPEC_VERSION}"
    if not is_uri_reference(texts["source"]):
        return "source", "is not a URI-reference"
    if "time" in texts and not _TIMESTAMP.fullmatch(texts["time"]):
        return "time", "is not an RFC 3339 date-time"
    if "dataschema" in texts and not is_uri(texts["dataschema"]):
        return "dataschema", "is not a URI"
    if media_type(texts.get("datacontenttype", JSON_MEDIA_TYPE)) != JSON_MEDIA_TYPE:
        return "datacontenttype", f"must be {JSON_MEDIA_TYPE}"
    return None


def _envelope(texts: dict[str, str]) -> Envelope:
    get = texts.get
    return Envelope(
        texts["id"],
        texts["source"],
        texts["type"],
        get("subject"),
        get("time"),
        get("datacontenttype"),
        get("correlationid"),
        get("traceparent"),
        get("tracestate"),
    )


def _bad(mistake: tuple[str, str], texts: dict[str, str]) -> BadEnvelope:
    sound = {name: text for name, text in texts.items() if not _why_no_string(text, LIMITS[name])}
    named = all(name in sound for name in ("id", "source", "type")) and is_uri_reference(sound["source"])
    return BadEnvelope(*mistake, _envelope(sound) if named else None)

"""A fast path for headers that are like those of earlier records.

Source, type, version and media type are the same in most commands of a producer: the result of checking
    them is
cached, and only the others are checked. Everything unusual is left to `read_binary`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from schemas.cloudevents import CONTENT_TYPE, Envelope
from schemas.envelopes import BINARY, TRACE, read_binary

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from schemas.envelopes import BadEnvelope

_MOST_KNOWN: Final = 1024
_CONSTANT: Final = ("ce_specversion", "ce_source", "ce_type", CONTENT_TYPE, "ce_dataschema")
_VARYING: Final = tuple(row for row in BINARY if row[1] not in _CONSTANT)
_ALL: Final = TRACE | {header for _, header, _ in BINARY}

_known: Final[dict[tuple[bytes | None, ...], Envelope]] = {}
"""A cache of valid envelopes, by their constant headers. Valid headers have a limited length."""


def read_headers(
    headers: Mapping[str, bytes | None], repeated: Collection[str] = ()
) -> Envelope | BadEnvelope:
    """The same as `read_binary` of these headers."""
    if repeated:
        return read_binary(headers, repeated)
    constant = tuple(map(headers.get, _CONSTANT))
    like = _known.get(constant)
    if like is not None and _ALL.issuperset(headers) and (usual := _usual(headers, like)):
        return usual
    found = read_binary(headers)
    if isinstance(found, Envelope):
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[constant] = found
    return found


def _usual(headers: Mapping[str, bytes | None], like: Envelope) -> Envelope | None:
    """An envelope with the constant attributes of another one; None: one of the other headers is wrong."""
    texts: list[str | None] = []
    for name, header, check in _VARYING:
        raw = headers.get(header)
        if raw is None and name in TRACE:
            raw = headers.get(name)
        text = None if raw is None else raw.decode("utf-8", "surrogateescape")
        if text is not None and check(text) is not None:
            if name not in TRACE:
                return None
            text = None
        texts.append(text)
    id_, subject, time, *trace = texts
    if id_ is None:
        return None
    _, source, type_, _, _, content_type, *_ = like
    return Envelope(id_, source, type_, subject, time, content_type, *trace)

"""URI and URI-reference, by the grammar of RFC 3986, appendix A."""

from __future__ import annotations

import re

_ENCODED = r"%[0-9A-Fa-f]{2}"
_NAME = r"[A-Za-z0-9\-._~!$&'()*+,;="
_PCHAR = rf"(?:{_NAME}:@]|{_ENCODED})"
# The address inside brackets is not checked.
_HOST = rf"(?:\[{_NAME}:]+\]|(?:{_NAME}]|{_ENCODED})*)"
_AUTHORITY = rf"//(?:(?:{_NAME}:]|{_ENCODED})*@)?{_HOST}(?::[0-9]*)?"
_SEGMENTS = rf"(?:/{_PCHAR}*)*"
_ABSOLUTE_PATH = rf"/(?:{_PCHAR}+{_SEGMENTS})?"
_TAIL = rf"(?:\?(?:{_PCHAR}|[/?])*)?(?:#(?:{_PCHAR}|[/?])*)?"
_ROOTED = rf"{_AUTHORITY}{_SEGMENTS}|{_ABSOLUTE_PATH}"

_URI = re.compile(rf"[A-Za-z][A-Za-z0-9+.\-]*:(?:{_ROOTED}|{_PCHAR}+{_SEGMENTS}|){_TAIL}")
# Without a scheme the first segment must not contain a colon: it would be read as a scheme.
_RELATIVE = re.compile(rf"(?:{_ROOTED}|(?:{_NAME}@]|{_ENCODED})+{_SEGMENTS}|){_TAIL}")


def is_uri(text: str) -> bool:
    """Whether the text is a URI, with its scheme."""
    return _URI.fullmatch(text) is not None


def is_uri_reference(text: str) -> bool:
    """Whether the text is a URI or a relative reference, such as `/billing` or `billing`."""
    return _RELATIVE.fullmatch(text) is not None or is_uri(text)

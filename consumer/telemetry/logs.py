"""Logs: one JSON object a line (coloured text on a terminal), without personal data or credentials.

Log lines of the service come from structlog, those of libraries from stdlib logging; the same processors
handle both.
Give every event a constant text, and put values into fields: `log.info("batch stored", commands=200)`.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import structlog

from consumer.settings_sources import hide_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TextIO

    from structlog.typing import EventDict, Processor

LogFormat = Literal["auto", "json", "console"]
MASK: Final = "***"

SECRET_KEYS: Final = ("authorization", "cookie", "credentials", "password", "secret", "token", "uri")
PERSONAL_KEYS: Final = ("contact", "contacts", "email", "metadata", "name", "notes", "phone", "recipients")
CONTENT_KEYS: Final = (
    "body",
    "changes",
    "command",
    "contract",
    "data",
    "document",
    "headers",
    "key",
    "value",
)
"""Fields with a whole command or contract, which contains personal data."""

_PRIVATE: Final = frozenset((*SECRET_KEYS, *PERSONAL_KEYS, *CONTENT_KEYS))
_PRIVATE_ENDINGS: Final = tuple(f"_{key}" for key in (*SECRET_KEYS, "contact", "email", "phone"))
_QUOTED: Final = (
    re.compile(r"(?P<kept>full error: ).*"),  # pymongo: with the whole document
    re.compile(r"(?P<kept>dup key: ).*"),  # MongoDB: with the key's value
    re.compile(r"(?P<kept>input_value=).*?(?=, input_type=|$)"),  # pydantic
)
_EMAIL: Final = re.compile(r"[^\s@<>\"'(),:;]+@[^\s@<>\"'(),:;]+\.[A-Za-z]{2,}")


def get_logger(**fields: Any) -> structlog.stdlib.BoundLogger:
    """A logger that adds `fields` to each of its lines."""
    return structlog.stdlib.get_logger(**fields)


@contextmanager
def log_context(**fields: Any) -> Iterator[None]:
    """Adds correlation fields (partition, offset, command_id…) to every line of this task."""
    with structlog.contextvars.bound_contextvars(**fields):
        yield


def hide_private_fields(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """A structlog processor: masks what must not be logged, at any depth."""
    return {key: MASK if _is_private(key) else _hide(value) for key, value in event.items()}


def _is_private(key: str) -> bool:
    return key in _PRIVATE or key.endswith(_PRIVATE_ENDINGS)


def _hide(value: Any) -> Any:
    match value:
        case str():
            return hide_text(value)
        case bytes() | bytearray() | memoryview():  # record keys and values
            return f"<{len(value)} bytes>"
        case dict():
            return {str(key): MASK if _is_private(str(key)) else _hide(inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_hide(inner) for inner in value]
        case BaseException():
            return hide_text(f"{type(value).__name__}: {value}")
        case _:
            return value


def hide_text(text: str) -> str:
    """The text without credentials in URIs, e-mail addresses, and documents quoted by libraries."""
    for pattern in _QUOTED:
        text = pattern.sub(rf"\g<kept>{MASK}", text)
    return _EMAIL.sub(MASK, hide_credentials(text))


def render_exception(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """A structlog processor: the traceback as text. Never with local variables: they hold contracts."""
    exc_info = event.pop("exc_info", None)
    if exc_info is True:
        exc_info = sys.exc_info()
    error = exc_info[1] if isinstance(exc_info, tuple) else exc_info
    if isinstance(error, BaseException):
        event["exception"] = "".join(traceback.format_exception(error)).rstrip()
    return event


PROCESSORS: Final[tuple[Processor, ...]] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    render_exception,
    hide_private_fields,
)
"""The processors of every line, of the service and of libraries."""


REPEAT_SECONDS: Final = 10.0

_JSON: Final = structlog.processors.JSONRenderer(default=str)
"""stdlib json, not orjson, which fails for huge integers and lone surrogates: a log line must never fail."""


class Library(NamedTuple):
    """A library that logs much.

    logger: the one above all of its loggers. The same warning is logged once per `REPEAT_SECONDS`.
    quoting: loggers whose debug lines quote whole requests, with contracts, passwords, tokens. Never shown.
    harmless: texts in warnings and errors that are normal. They are logged at debug level.
    """

    logger: str
    quoting: tuple[str, ...]
    harmless: tuple[str, ...]


def configure_logging(
    level: str = "info",
    log_format: LogFormat = "auto",
    stream: TextIO | None = None,
    *,
    libraries: Sequence[Library],
) -> None:
    """Sets up logging of this process; call it first.

    `stream` is stderr by default: stdout is for results.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    terminal = handler.stream.isatty()
    text = log_format == "console" or (log_format == "auto" and terminal)
    renderer = structlog.dev.ConsoleRenderer(colors=terminal) if text else _JSON
    handler.setFormatter(_formatter(renderer))
    handler.setLevel(level.upper())
    for library in libraries:
        handler.addFilter(DowngradeHarmless(library))
        handler.addFilter(OncePerWhile(library.logger))
        logging.getLogger(library.logger).setLevel("DEBUG" if level == "debug" else "WARNING")
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in (*_ONLY_WARNINGS, *(quoting for library in libraries for quoting in library.quoting)):
        logging.getLogger(name).setLevel("WARNING")
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *PROCESSORS,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


def _formatter(renderer: Processor) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=PROCESSORS,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )


_ONLY_WARNINGS: Final = ("uvicorn", "pymongo")
"""pymongo's debug lines quote whole commands."""


class OncePerWhile(logging.Filter):
    """Logs the same line of a library once per `REPEAT_SECONDS`, with the number of repetitions."""

    def __init__(self, library: str, clock: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self._library = library
        self._clock = clock
        self._said: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this line is logged."""
        if not record.name.startswith(self._library) or record.levelno < logging.WARNING:
            return True
        now = self._clock()
        said, withheld = self._said.get(record.msg, (now - REPEAT_SECONDS, 0))
        if now - said < REPEAT_SECONDS:
            self._said[record.msg] = (said, withheld + 1)
            return False
        self._said[record.msg] = (now, 0)
        if withheld:
            record.msg, record.args = f"{record.getMessage()} (and {withheld} times more before)", ()
        return True


class DowngradeHarmless(logging.Filter):
    """Logs errors of a library that are normal at debug level."""

    def __init__(self, library: Library) -> None:
        super().__init__()
        self._library = library

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this line is logged."""
        if record.name.startswith(self._library.logger) and self._is_harmless(record.getMessage()):
            record.levelno, record.levelname = logging.DEBUG, "DEBUG"
            return logging.getLogger().isEnabledFor(logging.DEBUG)
        return True

    def _is_harmless(self, text: str) -> bool:
        return any(each in text for each in self._library.harmless)

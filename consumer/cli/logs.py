"""The logs of every command. consumer/kafka knows what its client library logs, telemetry does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

    from consumer.telemetry.logs import LogFormat


def set_up(level: str, log_format: LogFormat, stream: TextIO | None = None) -> None:
    """Sets up logging of this process, see `configure_logging`."""
    from consumer.kafka.client_logs import HARMLESS, LOGGER, QUOTING
    from consumer.telemetry.logs import Library, configure_logging

    configure_logging(level, log_format, stream, libraries=[Library(LOGGER, QUOTING, HARMLESS)])

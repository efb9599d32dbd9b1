"""`contracts run`, `consume` and `serve`: the service itself, and its HTTP API."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import typer

from consumer.cli import logs
from consumer.cli.running import DEFECT_CODE, Interrupted, load_settings
from consumer.errors import ContractsError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Mapping

    from consumer.settings import Settings
    from consumer.telemetry.logs import LogFormat


_FORMATS: Final[Mapping[str, LogFormat]] = {"json": "json", "console": "console"}
"""Any other value is `auto`, or a mistake."""


def run() -> None:
    """Run the service: worker, scanner and HTTP server.

    The HTTP server answers metrics and health checks. On SIGTERM or Ctrl-C the service finishes its current
    batches, leaves the consumer group and exits.

    Example: CONTRACTS_KAFKA_BOOTSTRAP_SERVERS=localhost:9092 contracts run
    """
    settings = _settings()
    run_service(settings, with_api=settings.api_with_run)


def consume() -> None:
    """Run the service without the scanner.

    Use it where `contracts scan` runs separately.

    Example: CONTRACTS_HTTP_PORT=0 contracts consume
    """
    run_service(_settings(), with_scanner=False)


def serve() -> None:
    """Run only the HTTP API.

    It reads contracts and publishes commands; `contracts run` or `contracts consume` applies them. A file of
    tokens lists who may use it: see `contracts tokens new`.

    Example: CONTRACTS_API_TOKENS_PATH=tokens contracts serve
    """
    from consumer.api.serving import serve_until_stopped

    settings = _settings()
    _run(settings, serve_until_stopped(settings))


def _settings() -> Settings:
    """The settings. If one is wrong, the error has the format of the log lines: a container shows both."""
    from consumer.settings_sources import env_name

    log_format = _FORMATS.get(os.environ.get(env_name("log_format"), "").lower(), "auto")
    try:
        settings = load_settings()
        _ = settings.catalogue  # the service does not start with a broken file of templates
    except ContractsError:
        logs.set_up("info", log_format)
        with _end_in_logs(log_format):
            raise
    return settings


def run_service(
    settings: Settings, *, with_pipeline: bool = True, with_scanner: bool = True, with_api: bool = False
) -> None:
    """Runs the service, or a part of it, until SIGTERM or Ctrl-C."""
    from consumer import garbage
    from consumer.process import run as run_process

    garbage.one_heap()
    garbage.seldom()
    parts = {"with_pipeline": with_pipeline, "with_scanner": with_scanner, "with_api": with_api}
    _run(settings, run_process(settings, **parts))


def _run(settings: Settings, work: Coroutine[Any, Any, None]) -> None:
    """Runs the coroutine, with logging as configured in the settings."""
    import uvloop

    debug = logging.getLogger().isEnabledFor(logging.DEBUG)  # --debug was given
    logs.set_up("debug" if debug else settings.log_level, settings.log_format)
    with _end_in_logs(settings.log_format):
        uvloop.run(work)


@contextmanager
def _end_in_logs(log_format: str) -> Iterator[None]:
    """If the logs are JSON, writes the error that ends the service as a JSON log line, too."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted("the service ended at once") from None
    except Exception as error:
        if log_format == "console" or (log_format == "auto" and sys.stderr.isatty()):
            raise
        raise typer.Exit(_log_end(error)) from None


def _log_end(error: Exception) -> int:
    """Logs why the service ended; returns the exit code."""
    import structlog

    log = structlog.get_logger()
    if isinstance(error, ContractsError):
        log.error("the service ended", error=str(error), hint=error.hint or None, exit_code=error.exit_code)
        return error.exit_code
    log.error(
        "the service ended with an unexpected error", error=repr(error), exit_code=DEFECT_CODE, exc_info=error
    )
    return DEFECT_CODE

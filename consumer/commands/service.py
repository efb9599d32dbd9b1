"""`contracts run` and `contracts consume`: the service itself."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from consumer.commands.running import Interrupted, load_settings

if TYPE_CHECKING:
    from consumer.settings import Settings


def run() -> None:
    """Run the whole service: pipeline, scanner, HTTP.

    HTTP serves metrics and health. Ends in order on SIGTERM or Ctrl-C: what is under way is finished, the
    consumer group is left.

    Example: CONTRACTS_KAFKA_BOOTSTRAP_SERVERS=localhost:9092 contracts run
    """
    serve(load_settings())


def consume() -> None:
    """Run the service without the scanner.

    For where that runs by itself: see `contracts scan`.

    Example: CONTRACTS_HTTP_PORT=0 contracts consume
    """
    serve(load_settings(), with_scanner=False)


def serve(settings: Settings, *, with_pipeline: bool = True, with_scanner: bool = True) -> None:
    """Runs the service, or a part of it, until it is told to stop."""
    import uvloop

    from consumer import garbage
    from consumer.logs import configure_logging
    from consumer.process import run as run_process

    debug = logging.getLogger().isEnabledFor(logging.DEBUG)  # --debug was given
    configure_logging("debug" if debug else settings.log_level, settings.log_format)
    garbage.seldom()
    try:
        uvloop.run(run_process(settings, with_pipeline=with_pipeline, with_scanner=with_scanner))
    except KeyboardInterrupt:
        raise Interrupted("the service ended at once") from None

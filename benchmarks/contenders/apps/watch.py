"""A read_committed consumer of the results: writes down when each command's result became visible.

`python -m …watch FILE`: a line `command id, seconds since 1970` for each. Ends in order on SIGTERM.
"""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer

from consumer.settings import load_settings
from schemas.topics import COMMAND_RESULTS


def main() -> None:
    """Read from the start of the topic until told to end."""
    path = Path(sys.argv[1])
    settings = load_settings()
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ended.append(number))
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_bootstrap_servers,
            "group.id": f"{settings.group_id}-watch",
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([settings.topic_prefix + COMMAND_RESULTS])
    seen: list[tuple[bytes, float]] = []
    while not ended:
        message = consumer.poll(0.1)
        if message is not None and message.error() is None:
            seen.append((cause_of(message.headers() or []), time.time()))
    partial = path.with_suffix(".partial")
    partial.write_text("".join(f"{cause.decode()} {moment!r}\n" for cause, moment in seen))
    partial.rename(path)
    consumer.close()


def cause_of(headers: Any) -> bytes:
    """The id of the command that an event answers."""
    return next((value for name, value in headers if name == "ce_causationid"), b"")


if __name__ == "__main__":
    main()

"""One scan with the clock set ahead: `python -m …scan FILE DAYS` leaves what it found in FILE.

A first scan connects and counts what the gauges show; the second is the one that is told of.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvloop

from consumer import bootstrap, clients
from consumer.settings import load_settings
from consumer.telemetry.metrics import Metrics

SETTLE_SECONDS = 2.0


async def main() -> None:
    """Scan twice."""
    path, ahead = Path(sys.argv[1]), timedelta(days=int(sys.argv[2]))
    settings = load_settings()
    client = clients.open_mongo(settings)
    async with bootstrap.scanner(settings, client, Metrics()) as scanner:
        scanner._clock = lambda: datetime.now(UTC) + ahead  # noqa: SLF001 - the one thing that is not as usual
        await scanner.run_once()
        await asyncio.sleep(SETTLE_SECONDS)  # the service applies what the first one published
        began = time.perf_counter()
        result = await scanner.run_once()
        seconds = time.perf_counter() - began
        await scanner.release()
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({"seconds": seconds, "due": result.due, "published": result.published}))
    partial.rename(path)
    threading.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())

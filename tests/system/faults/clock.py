"""The time of day, made to jump from outside: as when NTP steps it, or a frozen machine wakes up.

Intervals go by the monotonic clock, which never jumps; only what asks for the time of day is lied to.
"""

import datetime as dt
import mmap
import struct
import time
from pathlib import Path

from consumer.engine import delay, publishing
from consumer.kafka import journal_entries
from consumer.storage import leases
from producers import messages, scanner

ASKING = (delay, publishing, journal_entries, leases, messages, scanner)
"""The modules of a worker that ask for the time of day."""

_SECONDS = struct.Struct("d")


class Clock:
    """Held by the test: how far a worker's clock is ahead, in a file that the worker reads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.set_ahead(0)

    def set_ahead(self, seconds: float) -> None:
        """Jumps there at once; less than nothing: behind."""
        with self.path.open("r+b" if self.path.exists() else "wb") as file:
            file.write(_SECONDS.pack(seconds))


def follow(path: Path) -> None:
    """Lets this process tell the time as the file says."""
    with path.open("rb") as file:
        ahead = mmap.mmap(file.fileno(), _SECONDS.size, access=mmap.ACCESS_READ)
    real = time.time
    time.time = lambda: real() + _SECONDS.unpack_from(ahead)[0]

    class Jumping(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
            return dt.datetime.fromtimestamp(time.time(), tz)

    for module in ASKING:
        assert module.datetime is dt.datetime, f"{module} does not ask for the time"
        module.datetime = Jumping  # type: ignore[misc]

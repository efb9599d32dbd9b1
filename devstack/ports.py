"""Loopback ports that stay ours while a server is down."""

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path
from typing import IO

from devstack.errors import ServerUnavailable

# Below Linux's ephemeral range: an outgoing connection cannot take the port while its server restarts.
LOWEST, HIGHEST = 20_000, 32_000
ATTEMPTS = 1_000


class Port:
    """A free loopback port, held against other devstacks on this machine by a file lock."""

    def __init__(self, number: int, lock: IO[str] | None) -> None:
        self.number = number
        self._lock = lock

    def release(self) -> None:
        """Let others have it."""
        if self._lock:
            self._lock.close()
            self._lock = None


def reserve_port() -> Port:
    """Find a port that nobody listens on and nobody has reserved."""
    folder = Path(tempfile.gettempdir()) / f"devstack-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for _ in range(ATTEMPTS):
        number = random.randint(LOWEST, HIGHEST)  # noqa: S311  # no secret
        lock = (folder / str(number)).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        if _is_free(number):
            return Port(number, lock)
        lock.close()
    raise ServerUnavailable(f"no free port between {LOWEST} and {HIGHEST}")


def _is_free(number: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError:
            return False
        return True

"""A real Redis, that can be killed and paused."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress

import pytest

from devstack.ports import reserve_port

READY_SECONDS = 10


class RedisServer:
    """One server in memory, on a port of its own, which it keeps."""

    def __init__(self) -> None:
        program = shutil.which("redis-server")
        if program is None and os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail("redis-server is not installed", pytrace=False)
        if program is None:
            pytest.skip("the cache was NOT tested: redis-server is not installed")
        self._program = program
        self._reserved = reserve_port()
        self.port = self._reserved.number
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        command = [self._program, "--port", str(self.port), "--save", "", "--bind", "127.0.0.1"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)
        raise AssertionError("redis-server does not listen")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self.resume()
        self.kill()
        self._reserved.release()

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

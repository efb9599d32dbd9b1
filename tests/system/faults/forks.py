"""Workers as forks of a process that has imported the service; each is a real process of its own."""

import functools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devstack.process import Process

ROOT = Path(__file__).parents[3]
START_SECONDS = 60
POLL_SECONDS = 0.01


class ForkedProcess(Process):
    """A worker, with its output appended to a log file."""

    def __init__(self, log: Path, environment: Mapping[str, str]) -> None:
        self.log = log
        log.touch()
        self._log_start = log.stat().st_size
        self._popen: Any = _Fork(_server(), {"log": str(log), "environment": {**os.environ, **environment}})
        self.paused = False


class _Server:
    """The connection to the process that forks; it ends with this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folder = tempfile.TemporaryDirectory()
        with socket.socket(socket.AF_UNIX) as listener:
            folder = Path(self._folder.name)
            listener.settimeout(START_SECONDS)
            listener.bind(str(folder / "socket"))
            listener.listen()
            command = [sys.executable, "-m", "tests.system.faults.fork_server", str(folder / "socket")]
            self._process = Process(command, folder=ROOT, log=folder / "log")
            try:
                self._connection, _ = listener.accept()
            except TimeoutError as error:
                raise AssertionError(f"no fork server: {self._process.log_tail(8)}") from error
        self._connection.settimeout(START_SECONDS)
        self._answers = self._connection.makefile("r")

    def ask(self, request: dict[str, Any]) -> Any:
        with self._lock:
            try:
                self._connection.sendall(f"{json.dumps(request)}\n".encode())
                answer = self._answers.readline()
            except OSError as error:
                raise AssertionError(f"the fork server has ended: {self._process.log_tail(8)}") from error
        assert answer, f"the fork server has ended: {self._process.log_tail(8)}"
        return json.loads(answer)


@functools.cache
def _server() -> _Server:
    return _Server()


class _Fork:
    """What a `Process` needs of a `subprocess.Popen`, of a child of the fork server."""

    def __init__(self, server: _Server, request: dict[str, Any]) -> None:
        self._server = server
        self._code: int | None = None
        self.pid = server.ask(request)

    def poll(self) -> int | None:
        if self._code is None:
            self._code = self._server.ask({"ended": self.pid})
        return self._code

    def wait(self, seconds: float | None = None) -> int:
        deadline = time.monotonic() + (float("inf") if seconds is None else seconds)
        while (code := self.poll()) is None:
            if time.monotonic() >= deadline:
                raise subprocess.TimeoutExpired("worker", seconds or 0)
            time.sleep(POLL_SECONDS)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

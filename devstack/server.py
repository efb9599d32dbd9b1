"""A server with its folder, port and log: the part all kinds share."""

import socket
import time
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

from devstack.errors import ServerNotReady, ServerStateError
from devstack.ports import Port, reserve_port
from devstack.process import Process
from devstack.startable import Startable

POLL_SECONDS = 0.02


class Server(Startable):
    """A child process that serves one loopback port and keeps its state in one folder.

    All methods block; from a coroutine call them through `asyncio.to_thread`.
    """

    kind: ClassVar[str]
    # Whether everything acknowledged is still there after a kill.
    durable: bool = True
    ready_seconds: ClassVar[float] = 30.0
    stop_seconds: ClassVar[float] = 15.0

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"
        self.start_seconds: float | None = None
        self._ports: dict[str, Port] = {}
        self._process: Process | None = None

    def __repr__(self) -> str:
        return f"<{self.kind} {self.version} on port {self.port} in {self.folder}>"

    @property
    @abstractmethod
    def version(self) -> str:
        """Version of the program."""

    @abstractmethod
    def _command(self) -> Sequence[str]:
        """Prepare the folder and return the command that serves it in the foreground."""

    @abstractmethod
    def _probe(self) -> None:
        """Talk to the server as a client; raise when it does not answer as a ready one."""

    @property
    def port(self) -> int:
        """The port clients connect to; the same for the life of this object."""
        return self._port("client")

    def use_port(self, number: int) -> None:
        """Serve this port instead of a free one; before the first start."""
        self._ports["client"] = Port(number, None)

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        return self._running().pid

    @property
    def running(self) -> bool:
        """Whether its process exists, paused or not."""
        return self._process is not None and self._process.exit_code is None

    @property
    def paused(self) -> bool:
        """Whether it is frozen."""
        return self.running and self._running().paused

    def start(self) -> Self:
        """Start it and return when it is ready.

        Raises ServerUnavailable when a program is missing, ServerNotReady when it does not come up.
        """
        if self.running:
            raise ServerStateError(f"{self.kind} is already running")
        self.data.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        self._process = Process(self._command(), folder=self.folder, log=self.log)
        self.wait_ready()
        self.start_seconds = time.monotonic() - began
        return self

    def wait_ready(self) -> None:
        """Return once it answers like a ready server; at the deadline kill it and raise ServerNotReady."""
        process, deadline = self._running(), time.monotonic() + self.ready_seconds
        while True:
            try:
                # First the port: clients answer a refused connection with back-offs of half a second.
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                self._probe()
            except Exception as error:  # every client has its own tree; the last one is reported
                if process.wait(POLL_SECONDS):
                    raise self._not_ready(f"ended with code {process.exit_code}") from error
                if time.monotonic() > deadline:
                    process.kill()
                    raise self._not_ready(
                        f"was not ready after {self.ready_seconds:g} s ({error})"
                    ) from error
            else:
                return

    def check_running(self) -> None:
        """Raise ServerNotReady when it has ended by itself."""
        if self._process and self._process.exit_code is not None:
            raise self._not_ready(f"ended with code {self._process.exit_code}")

    def stop(self) -> None:
        """Stop it in order; killed when it takes too long. Nothing happens when it is not running."""
        if self._process and self.running:
            self._process.stop(self.stop_seconds)

    def kill(self) -> None:
        """Kill it as a crash would (SIGKILL)."""
        self._running().kill()

    def pause(self) -> None:
        """Freeze it (SIGSTOP): connections stay open and nothing answers."""
        self._running().pause()

    def resume(self) -> None:
        """Thaw it (SIGCONT)."""
        self._running().resume()

    def restart(self) -> None:
        """Stop it when it runs, then start it on the same port with the same data."""
        self.stop()
        self.start()

    def heal(self) -> None:
        """Bring it back from whatever a test did to it."""
        if not self.running:
            self.start()
        elif self.paused:
            self.resume()
            self.wait_ready()

    def close(self) -> None:
        """Stop it and give its ports back."""
        self.stop()
        while self._ports:
            self._ports.popitem()[1].release()

    def _port(self, name: str) -> int:
        if name not in self._ports:
            self._ports[name] = reserve_port()
        return self._ports[name].number

    def _running(self) -> Process:
        if self._process is None or self._process.exit_code is not None:
            raise ServerStateError(f"{self.kind} is not running")
        return self._process

    def _not_ready(self, what: str) -> ServerNotReady:
        assert self._process  # noqa: S101  # only called for a started one
        return ServerNotReady(
            f"{self.kind} {self.version} {what}; port {self.port}, log {self.log}: {self._process.log_tail()}"
        )

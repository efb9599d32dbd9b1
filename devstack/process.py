"""A child process: started, stopped, killed, paused; never left behind."""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

from devstack.errors import ServerStateError

_LAUNCH = Path(__file__).with_name("launch.py")
ASK_AGAIN_SECONDS = 1.0
_STACK_FRAME = ("at ", "... ")


class _Spawner:
    """Starts all children from one thread that lives as long as this process.

    Linux sends the parent-death signal when the *thread* that started the child ends. Children started from
    `asyncio.to_thread` would die with the event loop of the test that happened to start them.
    """

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._requests: queue.SimpleQueue[tuple[_Request, Future[subprocess.Popen[bytes]]]] = (
            queue.SimpleQueue()
        )
        threading.Thread(target=self._run, name="devstack-spawner", daemon=True).start()

    def spawn(self, request: "_Request") -> subprocess.Popen[bytes]:
        answer: Future[subprocess.Popen[bytes]] = Future()
        self._requests.put((request, answer))
        return answer.result()

    def _run(self) -> None:
        while True:
            request, answer = self._requests.get()
            try:
                answer.set_result(request.popen())
            except OSError as error:
                answer.set_exception(error)


class _Request:
    def __init__(self, command: Sequence[str], folder: Path, log: Path, env: Mapping[str, str]) -> None:
        self.command, self.folder, self.log, self.env = command, folder, log, env

    def popen(self) -> subprocess.Popen[bytes]:
        launch = [sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid()), *self.command]
        with self.log.open("ab") as output:
            return subprocess.Popen(
                launch,
                cwd=self.folder,
                env={**os.environ, **self.env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the parent, which then stops it in order
            )


_spawner: _Spawner | None = None
_spawner_lock = threading.Lock()


def _spawn(request: _Request) -> subprocess.Popen[bytes]:
    global _spawner  # noqa: PLW0603  # one per process by its nature
    with _spawner_lock:
        if _spawner is None or _spawner.owner != os.getpid():  # threads do not survive a fork
            _spawner = _Spawner()
    return _spawner.spawn(request)


class Process:
    """One run of a command, with its output appended to a log file."""

    def __init__(
        self, command: Sequence[str], *, folder: Path, log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.log = log
        self._log_start = log.stat().st_size if log.exists() else 0
        self._popen = _spawn(_Request(command, folder, log, env or {}))
        self.paused = False

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._popen.poll()

    def wait(self, seconds: float) -> bool:
        """Wait for the process to end, at most this many seconds. Returns whether it has ended."""
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def ask_to_stop(self) -> None:
        """Ask it to end (SIGTERM), without waiting."""
        if self.paused:
            self.resume()  # a stopped process does not see SIGTERM
        self._popen.terminate()

    def stop(self, seconds: float) -> None:
        """Ask the process to end, and kill it if it has not ended after this number of seconds."""
        paused = self.paused
        self.ask_to_stop()
        # Linux may hand a signal that follows SIGCONT closely to any thread, and then a Python server's main
        # thread sleeps on. Asked again, it hears.
        if paused and not self.wait(min(ASK_AGAIN_SECONDS, seconds)):
            self.ask_to_stop()
        if not self.wait(seconds):
            self.kill()

    def kill(self) -> None:
        """End it at once, as a crash would (SIGKILL)."""
        self._popen.kill()
        self._popen.wait()
        self.paused = False

    def pause(self) -> None:
        """Freeze it (SIGSTOP), as a long garbage collection or a frozen machine would.

        Returns when it is paused: a thread that runs on another processor goes on for a moment.
        """
        self._signal(signal.SIGSTOP)
        self.paused = True
        while not _stands_still(self.pid):
            os.sched_yield()

    def resume(self) -> None:
        """Let it go on (SIGCONT)."""
        self._signal(signal.SIGCONT)
        self.paused = False

    def log_tail(self, lines: int = 3) -> str:
        """Return the last lines this run wrote, on one line, without the frames of Java's stack traces."""
        with self.log.open("rb") as file:
            file.seek(self._log_start)
            text = [line.strip() for line in file.read().decode(errors="replace").splitlines()]
        said = [line for line in text if line and not line.startswith(_STACK_FRAME)]
        return " | ".join(said[-lines:]) or "(empty)"

    def _signal(self, number: signal.Signals) -> None:
        if self.exit_code is not None:
            raise ServerStateError(f"process {self.pid} has ended")
        self._popen.send_signal(number)


def _stands_still(pid: int) -> bool:
    """Whether each thread is stopped, or has ended."""
    threads = Path(f"/proc/{pid}/task").glob("*/stat")
    return all(_state(thread) in "TZX" for thread in threads)


def _state(thread: Path) -> str:
    try:
        return thread.read_text().rpartition(") ")[2][0]
    except OSError:  # it has ended since it was listed
        return "X"

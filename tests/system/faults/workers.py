"""Worker processes from outside: started, watched by their logs, killed, paused, told to stop."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.system.faults.forks import ROOT, ForkedProcess

POLL_SECONDS = 0.02

HANGS_SECONDS = 90
"""What has not happened by then does not happen any more, on however slow a machine."""

FAST = {
    "CONTRACTS_SESSION_TIMEOUT_MS": "1500",
    "CONTRACTS_HEARTBEAT_INTERVAL_MS": "400",
    "CONTRACTS_MAX_POLL_INTERVAL_MS": "4000",
    "CONTRACTS_REBALANCE_TIMEOUT_MS": "8000",
    "CONTRACTS_TRANSACTION_TIMEOUT_MS": "10000",
    "CONTRACTS_KAFKA_REQUEST_TIMEOUT_MS": "5000",
    "CONTRACTS_MONGO_TIMEOUT_MS": "3000",
    "CONTRACTS_TOPIC_REPLICATION_FACTOR": "1",
    "CONTRACTS_MAX_BATCH_COMMANDS": "200",
    "CONTRACTS_LOG_LEVEL": "info",
    "CONTRACTS_LOG_FORMAT": "json",
    "CONTRACTS_HTTP_PORT": "0",
}
"""Less patience than a service should have, so that tests need less, and small batches."""


class WorkerDied(AssertionError):
    """A worker ended by itself."""


def until(reached: Callable[[], Any], what: str, seconds: float = HANGS_SECONDS) -> Any:
    """The first true answer; fails at the deadline."""
    deadline = time.monotonic() + seconds
    while not (answer := reached()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(POLL_SECONDS)
    return answer


def sleep_as_fault(seconds: float) -> None:
    """Lets an outage last. Nothing is right because of it: what is right is waited for afterwards."""
    time.sleep(seconds)


def run_contracts(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command of `contracts`, with the settings that workers get."""
    return subprocess.run(
        [sys.executable, "-m", "consumer", *arguments],
        cwd=ROOT,
        env={**os.environ, **FAST, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


class Worker:
    """One process of the service."""

    def __init__(self, folder: Path, name: str, environment: Mapping[str, str]) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._process = ForkedProcess(self.log, {**FAST, **environment})

    def __repr__(self) -> str:
        return f"<worker {self.name}, exit code {self._process.exit_code}>"

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        return self._process.exit_code

    @property
    def running(self) -> bool:
        return self._process.exit_code is None

    @property
    def paused(self) -> bool:
        """Whether it is stopped, by whomever."""
        state = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state == "T"

    def kill(self) -> None:
        self._process.kill()

    def kill_after(self, seconds: float) -> None:
        """At a random moment there is nothing to wait for: here the sleep is the fault, not the waiting."""
        sleep_as_fault(seconds)
        self.kill()

    def pause_after(self, seconds: float) -> None:
        """The same, with SIGSTOP."""
        sleep_as_fault(seconds)
        self.pause()

    def pause(self) -> None:
        self._process.pause()

    def resume(self) -> None:
        self._process.resume()

    def ask_to_stop(self) -> None:
        """SIGTERM, without waiting; nothing happens when it has ended."""
        if self.running:
            self._process.ask_to_stop()

    def stop(self, seconds: float = HANGS_SECONDS) -> None:
        """SIGTERM; it must end by itself, in order."""
        self.ask_to_stop()
        assert self._process.wait(seconds), f"{self} did not end within {seconds:g} s of SIGTERM"
        assert self.exit_code == 0, f"{self}: {self.tail()}"

    def wait_ended(self, seconds: float = HANGS_SECONDS) -> int:
        """Its exit code, once it has ended by itself."""
        assert self._process.wait(seconds), f"{self} has not ended within {seconds:g} s"
        return self.exit_code or 0

    def check(self) -> None:
        """Raises when it has ended."""
        if not self.running:
            raise WorkerDied(f"{self} died: {self.tail()}")

    def lines(self, event: str | None = None, **fields: Any) -> Iterator[dict[str, Any]]:
        """What it has logged: lines of an event, with these fields."""
        if not self.log.exists():
            return
        for text in self.log.read_text(errors="replace").splitlines():
            line = _parsed(text)
            if event in (None, line.get("event")) and fields.items() <= line.items():
                yield line

    def wait_for(
        self, event: str, seconds: float = HANGS_SECONDS, *, count: int = 1, **fields: Any
    ) -> dict[str, Any]:
        """The `count`-th line of an event, as soon as it is there."""

        def there() -> list[dict[str, Any]]:
            found = list(self.lines(event, **fields))
            if len(found) < count:
                self.check()
            return found[count - 1 : count]

        (line,) = until(there, f"{self} logs {event} {fields}; it says {self.tail()}", seconds)
        return line

    def rebalances(self) -> list[dict[str, Any]]:
        """When partitions were taken from it; joining for the first time takes none."""
        return [line for line in self.lines("revoked") if line.get("partitions")]

    def tail(self) -> str:
        """The last lines of its log."""
        return self._process.log_tail(8)

    def close(self) -> None:
        """Killed, if it still runs."""
        if self.running:
            self.kill()


def _parsed(text: str) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except json.JSONDecodeError:
        return {"event": text}
    return line if isinstance(line, dict) else {"event": text}

"""One service under hostile records, watched from outside: is it alive, does it grow, what does it log?"""

import asyncio
import json
import os
import re
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from consumer.domain.commands.advance import SOURCE as SCANNER
from consumer.kafka import topics
from consumer.settings import load_settings
from devstack.ports import reserve_port
from devstack.process import Process
from devstack.proof.checker import Checker, settings_environment
from devstack.proof.sending import Sender
from devstack.proof.verdict import Verdict
from devstack.proof.watched import Watched
from tests.system.hostile.records import Hostile

ROOT = Path(__file__).parents[3]
PARTITIONS = 4
CHUNK = 2_500
CATCH_UP_SECONDS = 180
STOP_SECONDS = 60
LOOK_SECONDS = 30
HELD = "held"
JUDGED_FROM = 50_000
"""Records: with fewer, caches and pools still fill."""
OBJECTS_A_RECORD = 0.5
BYTES_A_RECORD = 50
"""More that stays of each record, after the first third, is a leak. Until they are full, the caches of
amounts keep a quarter of an object; something kept of every second record would show."""
GROWTH = 1.3
"""Of resident memory: a heap in pieces, and whatever is not counted as alive."""
LOOKS = 3
QUIET_LEVELS = {"debug", "info", "warning"}


class Held(NamedTuple):
    """What the service holds when all that was sent is done."""

    records: int
    objects: int
    bytes: int
    resident: int
    """MiB."""

    def __str__(self) -> str:
        return f"{self.objects:,} objects, {self.bytes / 2**20:.1f} MiB besides, {self.resident} MiB resident"


@dataclass
class Outcome:
    """What a run came to."""

    sent: int = 0
    seconds: float = 0.0
    verdict: Verdict = field(default_factory=Verdict)
    fates: Counter[str] = field(default_factory=Counter)
    """Of every record sent: its outcome, or the reason of its dead letter."""
    memory: list[Held] = field(default_factory=list)
    """After each chunk, at rest."""
    answers: dict[str, int] = field(default_factory=dict)
    logged: list[str] = field(default_factory=list)
    """What should not be in the log."""
    exit_code: int | None = None

    def problems(self) -> list[str]:
        """What does not hold."""
        found = [] if self.verdict.ok else [str(self.verdict)]
        if self.fates.total() != self.sent:
            found.append(f"{self.sent} records were sent, {self.fates.total()} are accounted for")
        if self.sent >= JUDGED_FROM:
            found += self._leaks()
        found += [f"{path} answers {code}" for path, code in self.answers.items() if code != 200]
        found += [f"logged: {line[:500]}" for line in self.logged[:5]]
        if self.exit_code != 0:
            found.append(f"the service ended with code {self.exit_code}")
        return found

    def _leaks(self) -> Iterator[str]:
        third, end, records = self._third, self.memory[-1], self.sent - self._third.records
        if end.objects - third.objects > OBJECTS_A_RECORD * records:
            yield f"of {records:,} records {end.objects - third.objects:,} objects stay"
        if end.bytes - third.bytes > BYTES_A_RECORD * records:
            yield f"of {records:,} records {end.bytes - third.bytes:,} bytes stay"
        if end.resident > GROWTH * third.resident:
            yield f"resident memory grows: {[each.resident for each in self.memory]} MiB"

    @property
    def _third(self) -> Held:
        return self.memory[len(self.memory) // 3]

    def __str__(self) -> str:
        fates = ", ".join(f"{fate} {count:,}" for fate, count in self.fates.most_common())
        return (
            f"{self.sent:,} records in {self.seconds:.0f} s: {fates}\n"
            f"{self.verdict.outputs:,} outputs: {self.verdict.line()}\n"
            f"alive after the first {CHUNK:,}: {self.memory[0]}\n"
            f"after {self._third.records:,}: {self._third}\n"
            f"at the end: {self.memory[-1]}\n"
            f"{len(self.logged)} unexpected lines logged"
        )


def assault(
    bootstrap: str,
    mongo_uri: str,
    folder: Path,
    records: int,
    seed: int,
    *,
    name: str = "hostile",
    say: Callable[[str], object] = lambda _: None,
) -> Outcome:
    """Sends the records to a service of its own, and compares."""
    environment = {
        **settings_environment(bootstrap, mongo_uri, name, f"{name}.", name),
        "CONTRACTS_TOPIC_REPLICATION_FACTOR": "1",
        "CONTRACTS_TOPIC_PARTITIONS": str(PARTITIONS),
        # Rubbish in such amounts stops a partition, rightly: here it is to go on.
        "CONTRACTS_DEAD_LETTER_LIMIT_OFF": "true",
        "CONTRACTS_SCAN_INTERVAL_SECONDS": "5",
        "CONTRACTS_LOG_FORMAT": "json",
    }
    checker = Checker(
        Watched(
            bootstrap=bootstrap,
            mongo_uri=mongo_uri,
            database=name,
            partitions=PARTITIONS,
            prefix=f"{name}.",
            group=name,
        )
    )
    outcome = Outcome()
    began = time.monotonic()
    with _service(environment, folder) as (service, url):
        sender = Sender(bootstrap, checker.watched.topic, PARTITIONS)
        hostile = Hostile(seed).messages(records)

        def watch() -> None:
            assert service.exit_code is None, f"the service ended: {service.log_tail()}"

        while chunk := list(islice(hostile, CHUNK)):
            sender.send(chunk)
            sender.flush()
            checker.wait(CATCH_UP_SECONDS, watch)
            outcome.memory.append(_held(service.pid, folder / HELD, sender.sent))
            say(f"{sender.sent:,} sent and applied; {outcome.memory[-1]}")
        outcome.sent, outcome.seconds = sender.sent, time.monotonic() - began
        outcome.verdict = checker.check_at_rest(CATCH_UP_SECONDS, watch)
        outcome.answers = {path: _status(url + path) for path in ("/healthz", "/readyz", "/metrics")}
    outcome.exit_code = service.exit_code
    outcome.fates = _fates(checker)
    outcome.logged = list(_unexpected(folder / "service.log"))
    return outcome


def _fates(checker: Checker) -> Counter[str]:
    """Of the records that were sent: a forwarded one counts at its home, the scanner's do not count."""
    return Counter(
        f"dead letter {entry.code}" if entry.outcome == "dead_letter" else entry.outcome
        for entry in checker.model.stored.history.values()
        if entry.outcome != "forwarded" and entry.source != SCANNER
    )


@contextmanager
def _service(environment: dict[str, str], folder: Path) -> Iterator[tuple[Process, str]]:
    port = reserve_port()
    settings = {name.removeprefix("CONTRACTS_").lower(): value for name, value in environment.items()}
    asyncio.run(topics.ensure(load_settings(**settings)))
    port.release()
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    variables = {**environment, "CONTRACTS_HTTP_PORT": str(port.number), "PYTHONPATH": path}
    command = [sys.executable, "-m", "tests.system.hostile.service", str(folder / HELD)]
    service = Process(command, folder=folder, log=folder / "service.log", env=variables)
    try:
        yield service, f"http://127.0.0.1:{port.number}"
    finally:
        service.stop(STOP_SECONDS)


def _held(pid: int, told: Path, records: int) -> Held:
    """The least of some looks from now on: something is always on its way."""
    before = len(told.read_text().splitlines())
    deadline = time.monotonic() + LOOK_SECONDS
    while len(looks := told.read_text().splitlines()[before:]) <= LOOKS:
        assert time.monotonic() < deadline, "the service does not tell what it holds"
        time.sleep(0.05)
    objects, bytes_ = zip(*(map(int, look.split()) for look in looks[:LOOKS]), strict=True)
    resident = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert resident
    return Held(records, min(objects), min(bytes_), int(resident[1]) // 1024)


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def _unexpected(log: Path) -> Iterator[str]:
    """Lines that are no JSON, tell of an error, or carry a traceback."""
    for line in log.read_text(errors="replace").splitlines():
        try:
            entry: dict[str, Any] = json.loads(line)
        except json.JSONDecodeError:
            yield line
            continue
        if entry.get("level") not in QUIET_LEVELS or "exception" in entry:
            yield line

"""Time and size of a checkpoint, and of a restore from it against the whole log.

python -m benchmarks.checkpoint --contracts 100000 --commands 3
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.contenders.base import WorkNotDone
from benchmarks.contenders.service import Service
from benchmarks.latency import PARTITIONS
from benchmarks.log import Shape, make_log
from benchmarks.machine import machine
from benchmarks.procfs import memory_mib
from benchmarks.race import LOOK_SECONDS, STOP_SECONDS, wait
from benchmarks.scale import Stored
from benchmarks.world import World

if TYPE_CHECKING:
    from benchmarks.world import Run

LATER: Final = 20
"""One command in so many comes after the checkpoint."""

CHUNK: Final = 50_000
HOURS: Final = 3 * 3_600


class Measuring:
    """One database with its log, from which it is lost and restored."""

    def __init__(self, world: World, contracts: int, commands: int, stack: ExitStack) -> None:
        self._stored = Stored(world, contracts, stack)
        self._run: Run = self._stored.run
        self._folder = self._run.folder / "checkpoint"
        self._shape = contracts, commands
        self._logs = 0

    def all(self) -> dict[str, Any]:
        """The figures, in the order of the work."""
        contracts, commands = self._shape
        self._stored.fill()
        self._work(contracts * (commands - 1))
        create, memory = self._command("checkpoint", "create", "--to", str(self._folder))
        again, _ = self._command("checkpoint", "create", "--to", str(self._folder))
        verify, _ = self._command("checkpoint", "verify", str(self._folder))
        files = [*self._folder.rglob("*.zst")]
        manifest = json.loads((self._folder / "manifest.json").read_bytes())
        self._work(contracts * commands // LATER)
        lived = self._counts()
        self._lose()
        restore, _ = self._command("positions", "reset", "--from-checkpoint", str(self._folder))
        rest = self._apply()
        restored = self._counts()
        self._lose()
        self._command("positions", "reset", "--rebuild")
        whole = self._apply()
        if not lived == restored == self._counts():
            raise WorkNotDone(f"{lived} documents, {restored} restored, {self._counts()} rebuilt")
        return {
            "contracts": contracts,
            "commands in the checkpoint": contracts * commands,
            "commands after it": contracts * commands // LATER,
            "create, s": create,
            "create again with nothing changed, s": again,
            "create, MiB": memory,
            "verify, s": verify,
            "documents, MB": round(sum(file["bytes"] for file in manifest["files"]) / 1e6, 1),
            "files, MB": round(sum(path.stat().st_size for path in files) / 1e6, 1),
            "files": len(files),
            "restore, s": restore,
            "rest of the log, s": rest,
            "whole log, s": whole,
            "whole log / (restore + rest)": round(whole / (restore + rest), 1),
        }

    def _work(self, commands: int) -> None:
        """Updates, which the service applies."""
        service = Service()
        process = service.start(self._run, 0)
        try:
            while commands > 0:
                self._logs += 1
                some = min(CHUNK, commands)
                shape = Shape(some, self._shape[0], stored=True, seed=self._logs)
                log = make_log(shape, PARTITIONS, label=f"updates-{self._logs}")
                ends = service.feed(self._run).send(log)
                wait(HOURS, [process], partial(service.committed, self._run, ends))
                commands -= some
        finally:
            process.stop(STOP_SECONDS)

    def _apply(self) -> float:
        """Seconds in which the service applies what is in the log; its start counts."""
        ends = {partition: self._run.journal.published()[partition] for partition in range(PARTITIONS)}
        began = time.monotonic()
        process = Service().start(self._run, 0)
        try:
            positions = self._run.database.positions
            names = {f"{self._run.commands}/{number}": end for number, end in ends.items()}

            def reached() -> bool:
                found = {each["_id"]: each["next"] for each in positions.find({}, ["next"])}
                return all(found.get(name, 0) >= end for name, end in names.items())

            wait(HOURS, [process], reached)
            seconds = round(time.monotonic() - began, 1)
            print(f"applied in {seconds} s", file=sys.stderr, flush=True)
            return seconds
        finally:
            process.stop(STOP_SECONDS)

    def _command(self, *arguments: str) -> tuple[float, int]:
        """Runs `contracts`; its seconds, and the peak of its memory in MiB."""
        began, memory = time.monotonic(), 0.0
        process = subprocess.Popen(
            [sys.executable, "-m", "consumer", *arguments],
            env={**os.environ, **Service().environment(self._run)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        while process.poll() is None:
            try:
                memory = max(memory, memory_mib(process.pid))
            except (ProcessLookupError, FileNotFoundError):
                break
            time.sleep(LOOK_SECONDS)
        said, _ = process.communicate()
        if process.returncode:
            raise WorkNotDone(f"{' '.join(arguments)}: {said}")
        seconds = round(time.monotonic() - began, 1)
        print(f"{' '.join(arguments[:2])}: {seconds} s, {memory:.0f} MiB", file=sys.stderr, flush=True)
        return seconds, round(memory)

    def _lose(self) -> None:
        database = self._run.database
        database.client.drop_database(database.name)

    def _counts(self) -> dict[str, int]:
        names = "contracts", "former_contracts", "history"
        return {name: self._run.database[name].count_documents({}) for name in names}


def main() -> None:
    """Prints the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checkpoint", description=__doc__)
    parser.add_argument("--contracts", type=int, default=100_000)
    parser.add_argument("--commands", type=int, default=3, help="of each contract, before the checkpoint")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, World(Path(folder)) as world, ExitStack() as stack:
        figures = Measuring(world, asked.contracts, asked.commands, stack).all()
        print(json.dumps({**machine(), **world.describe(), **figures}, indent=2))


if __name__ == "__main__":
    main()

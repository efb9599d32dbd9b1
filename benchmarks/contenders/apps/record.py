"""Runs the service and records every write command that it sends to MongoDB, in the order of their start.

`python -m …record FILE` is `contracts consume` but for a listener of the driver: whatever the service's
storage looks like, the bare writes are exactly its own.
"""

from __future__ import annotations

import atexit
import sys
from pathlib import Path
from typing import Any

import bson
from pymongo import monitoring

from benchmarks.contenders.apps.bson_money import CODEC
from consumer.cli.main import main

WRITES = {"create", "createIndexes", "insert", "update", "delete", "findAndModify"}


class Recorder(monitoring.CommandListener):
    """Appends BSON documents to a file: `{stream, number, commit, command}`."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """A command is about to be sent."""
        if event.database_name == "admin" and event.command_name != "commitTransaction":
            return
        commits = event.command_name == "commitTransaction"
        if not commits and event.command_name not in WRITES:
            return
        command: dict[str, Any] = dict(event.command)
        in_transaction = command.get("autocommit") is False
        entry = {
            "stream": bytes(command["lsid"]["id"]) if in_transaction else b"",
            "number": int(command["txnNumber"]) if in_transaction else -1,
            "commit": commits,
            "command": {} if commits else _bare(command),
        }
        self._file.write(bson.encode(entry, codec_options=CODEC))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing to record."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing to record: a transaction that failed has no commit in the file."""

    def close(self) -> None:
        """Write what is still buffered."""
        self._file.close()


def _bare(command: dict[str, Any]) -> dict[str, Any]:
    """Without what belongs to the session that sent it."""
    session = {"lsid", "txnNumber", "startTransaction", "autocommit", "$clusterTime", "$db", "readConcern"}
    session |= {"writeConcern", "$readPreference"}
    return {name: value for name, value in command.items() if name not in session}


if __name__ == "__main__":
    recorder = Recorder(Path(sys.argv.pop(1)))
    atexit.register(recorder.close)
    monitoring.register(recorder)
    sys.argv = [sys.argv[0], "consume"]
    main()

"""The floor of every writer to MongoDB: sends recorded writes again, and does nothing else.

The documents are BSON already; each recorded stream of transactions has a thread of its own, as each of the
service's lanes has a session of its own. The next batch of a partition may be another lane's: a transaction
starts when those are committed that were when it was recorded. Waits for the file `go`, and leaves a file
`done`.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from consumer.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LOOK_SECONDS = 0.002


class Transaction(NamedTuple):
    """The commands of one transaction; `after`: how many of each stream were committed before its first."""

    commands: list[dict[str, Any]]
    after: dict[bytes, int]


class Progress:
    """How many transactions of each stream are committed."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._committed: dict[bytes, int] = defaultdict(int)

    def wait(self, after: Mapping[bytes, int]) -> None:
        """Until so many of each stream are committed."""
        with self._changed:
            self._changed.wait_for(lambda: all(self._committed[s] >= count for s, count in after.items()))

    def committed(self, stream: bytes) -> None:
        """One more is."""
        with self._changed:
            self._committed[stream] += 1
            self._changed.notify_all()


def load(path: Path) -> tuple[list[dict[str, Any]], dict[bytes, list[Transaction]]]:
    """Single writes, and the committed transactions of each stream in order."""
    single: list[dict[str, Any]] = []
    open_: dict[tuple[bytes, int], Transaction] = {}
    streams: dict[bytes, list[Transaction]] = defaultdict(list)
    options = CodecOptions(document_class=RawBSONDocument)
    with path.open("rb") as file:
        for entry in bson.decode_file_iter(file, options):
            stream, number = bytes(entry["stream"]), entry["number"]
            if entry["commit"]:
                if transaction := open_.pop((stream, number), None):
                    streams[stream].append(transaction)
            elif number < 0:
                single.append(dict(entry["command"]))
            else:
                committed = {name: len(transactions) for name, transactions in streams.items()}
                transaction = open_.setdefault((stream, number), Transaction([], committed))
                transaction.commands.append(dict(entry["command"]))
    return single, streams


def send(
    client: MongoClient[Any],
    database: str,
    stream: bytes,
    transactions: Sequence[Transaction],
    progress: Progress,
) -> None:
    """Carry out one stream's transactions."""
    with client.start_session() as session:
        for transaction in transactions:
            progress.wait(transaction.after)
            while not _transact(client, database, session, transaction):
                pass
            progress.committed(stream)


def _transact(client: MongoClient[Any], database: str, session: Any, transaction: Transaction) -> bool:
    try:
        with session.start_transaction():
            for command in transaction.commands:
                client[database].command(dict(command), session=session)
    except OperationFailure as error:
        if error.has_error_label("TransientTransactionError"):
            return False
        raise
    return True


def main() -> None:
    """Prepare, wait, send, tell."""
    recorded, folder = Path(sys.argv[1]), Path(sys.argv[2])
    settings = load_settings()
    client: MongoClient[Any] = MongoClient(settings.mongo_uri.get_secret_value(), w="majority")
    single, streams = load(recorded)
    for command in single:
        client[settings.mongo_database].command(command)
    progress = Progress()
    threads = [
        threading.Thread(target=send, args=(client, settings.mongo_database, stream, transactions, progress))
        for stream, transactions in streams.items()
    ]
    (folder / "ready").touch()
    while not (folder / "go").exists():
        time.sleep(LOOK_SECONDS)
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    partial = folder / "done.partial"
    partial.write_text(json.dumps({"seconds": time.monotonic() - began}))
    partial.rename(folder / "done")
    threading.Event().wait()


if __name__ == "__main__":
    main()

"""The floor of every writer to MongoDB: sends recorded writes again, and does nothing else.

The documents are BSON already; each recorded stream of transactions has a thread of its own, as each of
the service's partitions has a session of its own. Waits for the file `go`, and leaves a file `done`.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from consumer.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

LOOK_SECONDS = 0.002
Transaction = list[dict[str, Any]]


def load(path: Path) -> tuple[Transaction, dict[bytes, list[Transaction]]]:
    """Single writes, and the committed transactions of each stream in order."""
    single: Transaction = []
    open_: dict[tuple[bytes, int], Transaction] = defaultdict(list)
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
                open_[stream, number].append(dict(entry["command"]))
    return single, streams


def send(client: MongoClient[Any], database: str, transactions: Sequence[Transaction]) -> None:
    """Carry out one stream's transactions."""
    with client.start_session() as session:
        for transaction in transactions:
            while not _transact(client, database, session, transaction):
                pass


def _transact(client: MongoClient[Any], database: str, session: Any, transaction: Transaction) -> bool:
    try:
        with session.start_transaction():
            for command in transaction:
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
    threads = [
        threading.Thread(target=send, args=(client, settings.mongo_database, transactions))
        for transactions in streams.values()
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

"""The connections of a checker: opened for one look, or kept for one look after another."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from typing import Any

from confluent_kafka import Consumer
from pymongo import MongoClient


class Connections:
    """To one broker and one database."""

    def __init__(self, bootstrap: str, mongo_uri: str) -> None:
        self._bootstrap = bootstrap
        self._mongo_uri = mongo_uri
        self._kept: tuple[MongoClient[dict[str, Any]], Consumer] | None = None

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keeps them open meanwhile: to open them costs more than a look."""
        with self.client() as client, self.consumer() as consumer:
            self._kept = client, consumer
            try:
                yield
            finally:
                self._kept = None

    def client(self) -> AbstractContextManager[MongoClient[dict[str, Any]]]:
        """Of the database."""
        if self._kept:
            return nullcontext(self._kept[0])
        return MongoClient(self._mongo_uri, serverSelectionTimeoutMS=10_000)

    def consumer(self) -> AbstractContextManager[Consumer]:
        """Of committed records. It tells when it has come to the end of a partition."""
        return nullcontext(self._kept[1]) if self._kept else closing(self._new_consumer())

    def _new_consumer(self) -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": "checker",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "check.crcs": True,
                "reconnect.backoff.max.ms": 200,
                "fetch.wait.max.ms": 50,
                "log_level": 0,
            }
        )

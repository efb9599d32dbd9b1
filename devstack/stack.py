"""A broker and a database side by side, as the service needs them."""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from devstack.cluster import KafkaCluster
from devstack.kafka import ApacheKafka, KafkaServer, NoidaKafka
from devstack.mongo import MongoServer, SecantusMongo, SecantusRust
from devstack.startable import Startable

BROKERS: dict[str, type[KafkaServer]] = {kind.kind: kind for kind in (NoidaKafka, ApacheKafka)}
DATABASES: dict[str, type[MongoServer]] = {kind.kind: kind for kind in (SecantusMongo, SecantusRust)}


class Stack(Startable):
    """Kafka and a database, with their data in subfolders of one folder. `kafka`: also "apache-cluster"."""

    def __init__(self, folder: Path, *, kafka: str = "noida", mongo: str = "secantus") -> None:
        self.kafka: KafkaServer | KafkaCluster = (
            KafkaCluster(folder / kafka) if kafka == KafkaCluster.kind else BROKERS[kafka](folder / kafka)
        )
        self.mongo = DATABASES[mongo](folder / mongo)

    @property
    def servers(self) -> tuple[KafkaServer | KafkaCluster, MongoServer]:
        """Both servers."""
        return self.kafka, self.mongo

    @property
    def environment(self) -> dict[str, str]:
        """Settings of the service that point it here."""
        return {
            "CONTRACTS_KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap,
            "CONTRACTS_MONGO_URI": self.mongo.uri,
        }

    def start(self) -> Self:
        """Start both at once; when one fails, neither stays."""
        try:
            with ThreadPoolExecutor(max_workers=2) as pool:
                list(pool.map(lambda server: server.start(), self.servers))
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """Stop both."""
        with contextlib.ExitStack() as stack:
            for server in self.servers:
                stack.callback(server.close)

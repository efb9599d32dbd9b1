"""A stage for a fault: topics, a database and a group of their own, a load, workers, and a checker."""

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from consumer.kafka import topics
from consumer.settings import load_settings
from devstack.proof.checker import Checker, settings_environment
from devstack.proof.load import Load
from devstack.proof.sending import Sender
from devstack.proof.verdict import Verdict
from devstack.proof.watched import Watched
from tests.system.faults.workers import FAST, Worker, run_contracts

PARTITIONS = 4
DONE_SECONDS = 180
FLOWS_PER_SECOND = 20


class Scene:
    """One service under test.

    Args:
        bootstrap, mongo_uri: for clients of the test, past every proxy.
        name: unique; names of topics, group and database begin with it.
        environment: settings that all workers get.
        producers: where the commands' producers find Kafka; default: past every proxy, too.
    """

    def __init__(
        self,
        bootstrap: str,
        mongo_uri: str,
        name: str,
        folder: Path,
        *,
        partitions: int = PARTITIONS,
        output_partitions: int | None = None,
        seed: int = 1,
        accounts: int = 500,
        environment: Mapping[str, str] | None = None,
        producers: str | None = None,
    ) -> None:
        self.folder = folder
        self.prefix = f"{name}."
        self.workers: list[Worker] = []
        self.told = ""
        """What the last command of `contracts` said beside its result."""
        self.load = Load(seed, accounts=accounts)
        self.partitions = partitions
        self.checker = Checker(
            Watched(
                bootstrap=bootstrap,
                mongo_uri=mongo_uri,
                database=name,
                partitions=partitions,
                output_partitions=output_partitions,
                prefix=self.prefix,
                group=name,
            )
        )
        self.environment = {
            **settings_environment(bootstrap, mongo_uri, name, self.prefix, name),
            **(environment or {}),
        }
        self._numbers = itertools.count(1)
        self.create_topics(bootstrap)
        self.sender = Sender(producers or bootstrap, self.checker.watched.topic, partitions)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self.workers:
            worker.close()

    def create_topics(self, bootstrap: str) -> None:
        """Those that are not there yet."""
        settings = load_settings(
            kafka_bootstrap_servers=bootstrap,
            topic_prefix=self.prefix,
            topic_replication_factor=int({**FAST, **self.environment}["CONTRACTS_TOPIC_REPLICATION_FACTOR"]),
        )
        asyncio.run(topics.ensure(settings, self.partitions, self.checker.watched.output_partitions))

    def start(self, **environment: str) -> Worker:
        """One more worker."""
        name = f"worker-{next(self._numbers)}"
        worker = Worker(self.folder, name, {**self.environment, **environment})
        self.workers.append(worker)
        return worker

    def rename_group(self, name: str) -> None:
        """Workers from now on are given another group id."""
        self.checker.watched.group = f"{self.checker.watched.group}-{name}"
        self.environment["CONTRACTS_GROUP_ID"] = self.checker.watched.group

    def contracts(self, *arguments: str) -> str:
        """What a command of `contracts` prints; it must succeed."""
        done = run_contracts(self.environment, *arguments)
        assert done.returncode == 0, done.stderr
        self.told = done.stderr
        return done.stdout

    def publish(self, count: int) -> None:
        """Puts the next commands of the load into the log."""
        self.sender.send(self.load.messages(count))
        self.sender.flush()

    @contextmanager
    def flowing(self, per_second: int = 600) -> Iterator[None]:
        """Commands flow in the background, so that whatever happens meanwhile happens under load."""
        ended = threading.Event()
        flow = threading.Thread(target=self._flow, args=(ended, per_second // FLOWS_PER_SECOND))
        flow.start()
        try:
            yield
        finally:
            ended.set()
            flow.join()
        self.sender.flush()

    def _flow(self, ended: threading.Event, count: int) -> None:
        while not ended.wait(1 / FLOWS_PER_SECOND):
            self.sender.send(self.load.messages(count))

    def wait(self, seconds: float = DONE_SECONDS) -> None:
        """Until the service has caught up with the log."""
        self.checker.wait(seconds, self._watch())

    def done(self, seconds: float = DONE_SECONDS) -> Verdict:
        """Waits until the service has caught up, and compares everything."""
        return self.checker.wait_and_check(seconds, self._watch())

    def _watch(self) -> Callable[[], None]:
        alive = [worker for worker in self.workers if worker.running]
        return lambda: [worker.check() for worker in alive] and None

"""Is what the service did what the log says it should have done? Lost, duplicated, reordered, diverged.

It can be asked again and again while the log grows: only what is new in it and in the topics is read again.
"""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from devstack.proof.model import Model
from devstack.proof.outputs import Alike, compare_forwards, compare_outputs
from devstack.proof.state import compare_state
from devstack.proof.verdict import Verdict
from devstack.proof.watched import NotDone, Watched

if TYPE_CHECKING:
    from devstack.proof.records import LogRecord

OUTPUTS = (
    "contracts.changed",
    "contracts.expiring",
    "contracts.renewal-notices",
    "contracts.limit-reached",
    "contracts.command-results",
    "contracts.state",
    "contracts.dead-letters",
)
POLL_SECONDS = 0.1


class Checker:
    """Compares what a service leaves behind with what must have come of its log."""

    def __init__(self, watched: Watched, model: Model | None = None) -> None:
        self.watched = watched
        self.model = model or Model(watched.partitions)
        self.found: list[LogRecord] = []
        self._alike: dict[str, Alike] = {}

    def wait(self, seconds: float, watch: Callable[[], object] = lambda: None) -> None:
        """Until every command of the log is applied and its outputs are committed.

        `watch` is called at every look and may raise, for instance when a worker has died.

        Raises:
            NotDone: not so in time.
        """
        deadline = time.monotonic() + seconds
        with self.watched.connections.kept():
            while True:
                watch()
                behind = self._behind()
                if not behind:
                    return
                if time.monotonic() > deadline:
                    told = f"after {seconds:g} s behind; partition: (last, published, stored): {behind}"
                    raise NotDone(told)
                time.sleep(POLL_SECONDS)

    def _behind(self) -> dict[int, tuple[int, int | None, int | None]]:
        # First the positions, then the log: what a later batch adds to the log (forwards) shows as new.
        published, positions = self.watched.published(), self.watched.positions()
        self.read_log()
        return {
            partition: (last.offset, published.get(partition), positions.get(partition))
            for partition, last in self.model.last.items()
            if min(published.get(partition, 0), positions.get(partition, 0)) <= last.offset
        }

    def check(self) -> Verdict:
        """Compares everything that should be there with what is. Call it when the service has caught up."""
        outputs = [self.watched.prefix + topic for topic in OUTPUTS]
        self.found += self.watched.read(outputs, ended=True)
        # That may take a while, and a scanner sends commands when it likes: now quickly what has come since.
        self.read_log()
        self.found += self.watched.read(outputs)
        verdict = Verdict(commands=self.model.commands)
        counts = {topic: self.watched.count(topic) for topic in OUTPUTS}
        compare_outputs(
            self.model.outputs, self.found, self.watched.prefix, verdict, counts=counts, alike=self._alike
        )
        compare_forwards(self.model, verdict)
        compare_state(self.model, self.watched.state(), self.watched.ends, self.watched.topic, verdict)
        return verdict

    def wait_and_check(self, seconds: float, watch: Callable[[], object] = lambda: None) -> Verdict:
        """Both; fails with the first offending records."""
        self.wait(seconds, watch)
        verdict = self.check()
        assert verdict.ok, str(verdict)
        return verdict

    def check_at_rest(self, seconds: float, watch: Callable[[], object] = lambda: None) -> Verdict:
        """Waits and checks, again while the log grows in between: a scanner sends commands when it likes.

        What is wrong stays wrong: only a comparison with a moving target is repeated.
        """
        deadline = time.monotonic() + seconds
        while True:
            self.wait(seconds, watch)
            compared = self.model.commands
            verdict = self.check()
            self.read_log()
            if verdict.ok or self.model.commands == compared or time.monotonic() > deadline:
                return verdict

    def read_log(self) -> None:
        """Folds the commands that are new in the log."""
        for record in self.watched.read([self.watched.topic]):
            self.model.fold(record)

    def recreated(self) -> None:
        """The topic was created again, and an operator accepted it: its records come on top."""
        self.model.next_generation(self.watched.partitions)
        self.model.misplaced.clear()
        self.model.forwarded.clear()
        self.model.last.clear()
        self.watched.skip_to(dict.fromkeys(range(self.watched.partitions), 0))

    def repartitioned(self, partitions: int) -> None:
        """From the log's present end on there are more partitions, and accounts have other homes."""
        self.read_log()
        self.watched.partitions = partitions
        self.model.next_generation(partitions)


def settings_environment(
    bootstrap: str, mongo_uri: str, database: str, prefix: str, group: str
) -> Mapping[str, str]:
    """The settings that point a service at what a checker watches."""
    return {
        "CONTRACTS_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "CONTRACTS_MONGO_URI": mongo_uri,
        "CONTRACTS_MONGO_DATABASE": database,
        "CONTRACTS_TOPIC_PREFIX": prefix,
        "CONTRACTS_GROUP_ID": group,
    }

"""The demo: embedded servers, the service as a process of its own, commands from an independent client.

A few thousand commands, among them duplicates, rejected, misplaced and malformed ones. At the end every
contract, history entry and output is compared with the pure model folded over the same log.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Console
from rich.table import Table

from consumer.settings import load_settings
from devstack.ports import reserve_port
from devstack.proof.checker import Checker
from devstack.proof.load import Load
from devstack.proof.sending import Sender
from devstack.stack import Stack
from producers import topics
from schemas.topics import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devstack.proof.verdict import Verdict

PARTITIONS = 4
SEED = 7
RUBBISH = 0.05
CATCH_UP_SECONDS = 120
STOP_SECONDS = 30


class ServiceEnded(Exception):
    """The service's process has ended by itself; its log says why."""


class Demo(NamedTuple):
    """What a run needs to know of itself."""

    environment: dict[str, str]
    url: str
    log: Path
    service: subprocess.Popen[bytes]


def run(*, commands: int, keep: bool) -> bool:
    """Runs the demo; whether the outcome equals the model's.

    Args:
        commands: how many records are published.
        keep: stay up afterwards, until Ctrl-C.
    """
    console = Console()
    with tempfile.TemporaryDirectory(prefix="contracts-demo-") as folder:
        console.print("starting an embedded Kafka broker and an embedded MongoDB …")
        with Stack(Path(folder)) as stack, _service(stack, Path(folder)) as demo:
            verdict = _work(console, stack, demo, commands)
            if keep:
                _stay(console, demo)
    return verdict.ok


@contextmanager
def _service(stack: Stack, folder: Path) -> Iterator[Demo]:
    port = reserve_port()
    environment = {
        **stack.environment,
        "CONTRACTS_TOPIC_REPLICATION_FACTOR": "1",
        "CONTRACTS_SCAN_INTERVAL_SECONDS": "2",
        "CONTRACTS_HTTP_PORT": str(port.number),
        "CONTRACTS_LOG_FORMAT": "json",
    }
    os.environ.update(environment)
    asyncio.run(topics.ensure(load_settings(), PARTITIONS))
    log = folder / "service.log"
    port.release()
    with log.open("wb") as output:
        service = subprocess.Popen([sys.executable, "-m", "consumer", "run"], stdout=output, stderr=output)
    try:
        yield Demo(environment, f"http://127.0.0.1:{port.number}", log, service)
    finally:
        service.terminate()
        service.wait(STOP_SECONDS)


def _work(console: Console, stack: Stack, demo: Demo, commands: int) -> Verdict:
    topic = COMMANDS
    checker = Checker(
        bootstrap=stack.kafka.bootstrap,
        mongo_uri=stack.mongo.uri,
        database="contracts",
        partitions=PARTITIONS,
    )
    sender = Sender(stack.kafka.bootstrap, topic, PARTITIONS)
    console.print(f"publishing {commands:,} records with confluent-kafka, {RUBBISH:.0%} of them rubbish …")
    started = time.monotonic()
    sender.send(Load(SEED, rubbish=RUBBISH).messages(commands))
    sender.flush()

    def watch() -> None:
        if demo.service.poll() is not None:
            tail = demo.log.read_text().splitlines()[-3:]
            raise ServiceEnded("\n".join(tail))

    checker.wait(CATCH_UP_SECONDS, watch)
    seconds = time.monotonic() - started
    console.print("comparing everything with the pure model folded over the same log …")
    verdict = checker.check()
    _tables(console, checker)
    console.print(
        f"{commands:,} records in {seconds:.1f} s, {verdict.outputs:,} outputs: {verdict.line()}",
        soft_wrap=True,
    )
    if not verdict.ok:
        console.print(str(verdict), markup=False, style="red")
    console.print(f"metrics {demo.url}/metrics   readiness {demo.url}/readyz", soft_wrap=True)
    return verdict


def _tables(console: Console, checker: Checker) -> None:
    state = checker.state()
    stored = Counter((each["contract_type"], each["status"]) for each in state.contracts)
    _table(console, "stored contracts", ("plan", "status", "number"), stored)
    outputs: list[Any] = list(checker.model.outputs)
    published = Counter(
        (each.topic, each.data.get("change", "") if _is_json(each) else "") for each in outputs
    )
    _table(console, "published", ("topic", "change", "number"), published)
    results = [each.data for each in outputs if each.topic.endswith("command-results")]
    outcomes = Counter((each["outcome"], each.get("code", "")) for each in results)
    _table(console, "what became of the commands", ("outcome", "code", "number"), outcomes)
    letters = [each for each in outputs if each.topic.endswith("dead-letters")]
    reasons = Counter((each.headers["dlq-reason"],) for each in letters)
    _table(console, "dead letters", ("reason", "number"), reasons)


def _is_json(output: Any) -> bool:
    return isinstance(output.data, dict)


def _table(console: Console, title: str, columns: tuple[str, ...], rows: Counter[Any]) -> None:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="right" if column == "number" else "left")
    for key, number in sorted(rows.items()):
        table.add_row(*key, f"{number:,}")
    console.print(table)


def _stay(console: Console, demo: Demo) -> None:
    console.print("\nIt stays up until Ctrl-C. In another terminal:\n")
    for name, value in demo.environment.items():
        console.print(f"export {name}='{value}'", soft_wrap=True, markup=False)
    console.print("contracts publish create acme --set contract_type=basic --wait")
    try:
        demo.service.wait()
    except KeyboardInterrupt:
        console.print("stopping …")

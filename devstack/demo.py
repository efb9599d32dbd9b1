"""The demo: embedded servers, the service as a process of its own, commands from an independent client.

A few thousand commands, among them duplicates, rejected, misplaced and malformed ones. At the end every
contract, history entry and output is compared with the pure model folded over the same log.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from consumer.api.tokens import new_token
from consumer.kafka import topics
from consumer.settings import load_settings
from devstack import demo_story
from devstack.demo_report import Report
from devstack.errors import ServerError
from devstack.ports import reserve_port
from devstack.process import Process
from devstack.proof.checker import Checker
from devstack.proof.load import Load
from devstack.proof.sending import Sender
from devstack.proof.watched import NotDone, Watched
from devstack.stack import Stack
from schemas.topics import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterator

PARTITIONS = 4
SEED = 7
RUBBISH = 0.05
CATCH_UP_SECONDS = 120
STOP_SECONDS = 30
LOOK_SECONDS = 0.2
ROOT = Path(__file__).parents[1]
SERVICE = ["run"]


class Demo(NamedTuple):
    """What a run needs to know of itself."""

    stack: Stack
    environment: dict[str, str]
    url: str
    console: str
    token: str
    service: Process

    def watch(self) -> None:
        """Raises ServerError when the service has ended by itself."""
        if self.service.exit_code is not None:
            raise ServerError(
                f"the service ended with code {self.service.exit_code}: {self.service.log_tail()}"
            )


def run(*, commands: int, keep: bool) -> bool:
    """Runs the demo; whether the outcome equals the model's.

    Args:
        commands: how many records are published.
        keep: stay up afterwards, until Ctrl-C.
    """
    report = Report()
    with _ending_in_order(), tempfile.TemporaryDirectory(prefix="contracts-demo-") as folder:
        try:
            ok = _run(report, Path(folder), commands=commands, keep=keep)
        except (ServerError, NotDone) as error:
            report.failed(str(error))
            return False
        except KeyboardInterrupt:
            report.say("stopped")
            raise
    report.finished(ok=ok)
    return ok


def _run(report: Report, folder: Path, *, commands: int, keep: bool) -> bool:
    with closing(Stack(folder)) as stack:
        with report.step("Servers", "an embedded Kafka broker and an embedded MongoDB"):
            stack.start()
        return _on(stack, report, folder, commands=commands, keep=keep)


def _on(stack: Stack, report: Report, folder: Path, *, commands: int, keep: bool) -> bool:
    with _service(report, stack, folder) as demo:
        ok = _work(report, demo, commands)
        if keep:
            with report.step("Story", "contracts to look at in the console"):
                asyncio.run(demo_story.tell(load_settings()))
            _stay(report, demo, folder)
    return ok


@contextmanager
def _service(report: Report, stack: Stack, folder: Path) -> Iterator[Demo]:
    port, api = reserve_port(), reserve_port()
    token, line = new_token("me", "operator", personal=True)
    (folder / "tokens").write_text(line, "utf-8")
    environment = {
        **stack.environment,
        "CONTRACTS_TOPIC_REPLICATION_FACTOR": "1",
        "CONTRACTS_SCAN_INTERVAL_SECONDS": "2",
        "CONTRACTS_HTTP_PORT": str(port.number),
        "CONTRACTS_LOG_FORMAT": "json",
        "CONTRACTS_API_WITH_RUN": "true",
        "CONTRACTS_API_PORT": str(api.number),
        "CONTRACTS_API_TOKENS_PATH": str(folder / "tokens"),
    }
    os.environ.update(environment)
    with report.step("Service", f"`contracts run`, on topics with {PARTITIONS} partitions"):
        asyncio.run(topics.ensure(load_settings(), PARTITIONS))
        port.release()
        api.release()
        command = [sys.executable, "-m", "consumer", *SERVICE]
        # Whatever the folder the demo was called from: what runs is the program that the demo belongs to.
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        log = folder / "service.log"
        service = Process(command, folder=folder, log=log, env={**environment, "PYTHONPATH": path})
    try:
        url, console = (f"http://127.0.0.1:{each.number}" for each in (port, api))
        yield Demo(stack, environment, url, f"{console}/console", token, service)
    finally:
        service.stop(STOP_SECONDS)


def _work(report: Report, demo: Demo, commands: int) -> bool:
    stack = demo.stack
    checker = Checker(
        Watched(
            bootstrap=stack.kafka.bootstrap,
            mongo_uri=stack.mongo.uri,
            database="contracts",
            partitions=PARTITIONS,
        )
    )
    sender = Sender(stack.kafka.bootstrap, COMMANDS, PARTITIONS)
    load = Load(SEED, rubbish=RUBBISH)
    with report.step("Commands", f"{commands:,} records by confluent-kafka, {RUBBISH:.0%} of them rubbish"):
        sender.send(load.messages(commands))
        sender.flush()
    with report.step("Work", "until every command is applied and its events are published"):
        checker.wait(CATCH_UP_SECONDS, demo.watch)
    with report.step("Proof", "comparing all that is stored and published with the pure model"):
        verdict = checker.check_at_rest(CATCH_UP_SECONDS, demo.watch)
    report.outcome(checker)
    report.verdict(verdict)
    return verdict.ok


def _stay(report: Report, demo: Demo, folder: Path) -> None:
    """Writes the settings into a file to be sourced, and waits for Ctrl-C or SIGTERM."""
    file = folder / "env"
    exports = {**demo.environment, "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"}
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in exports.items()]
    file.write_text("".join(lines), "utf-8")
    report.staying(file, demo.url, demo.console, demo.token)
    try:
        while not demo.service.wait(LOOK_SECONDS):
            pass
        demo.watch()
    except KeyboardInterrupt:
        report.say("stopping …")


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """SIGTERM is Ctrl-C: the servers are stopped and the folder removed."""

    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

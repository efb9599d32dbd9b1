"""A running service for all examples, and a way to run them as their users do."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests import servers as kinds
from tests.running import Running, running, settings_for
from tests.servers import Servers

EXAMPLES = Path(__file__).parents[3] / "examples"
END_SECONDS = 60


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(
    servers: Servers, kafka_kind: str, request: pytest.FixtureRequest
) -> AsyncIterator[Running]:
    """The service."""
    name = f"{request.module.__name__.rpartition('.')[2]}_{kafka_kind}"
    mongo = servers.mongo(kinds.mongo_kind())
    async with running(settings_for(servers.kafka(kafka_kind), mongo, name)) as started:
        yield started


@dataclass(frozen=True)
class Example:
    """An example that runs."""

    process: asyncio.subprocess.Process

    async def line(self, wanted: Callable[[str], bool]) -> str:
        """The next line of output that is wanted; the test's own time limit is the deadline."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            if wanted(line.decode()):
                return line.decode().strip()
        raise AssertionError("the example ended")


class Examples:
    """Runs examples with the service's settings in their environment."""

    def __init__(self, settings: Any, client_path: Path) -> None:
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CONTRACTS_")},
            "CONTRACTS_KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
            "CONTRACTS_MONGO_URI": settings.mongo_uri.get_secret_value(),
            "CONTRACTS_MONGO_DATABASE": settings.mongo_database,
            "CONTRACTS_TOPIC_PREFIX": settings.topic_prefix,
            "PYTHONPATH": str(client_path),
        }

    async def run(self, *command: object) -> list[str]:
        """Runs one to its end and returns its lines."""
        process = await self.start(*command)
        out, err = await asyncio.wait_for(process.communicate(), END_SECONDS)
        assert process.returncode == 0, err.decode()
        return out.decode().splitlines()

    @asynccontextmanager
    async def following(
        self, *command: object, folder: Path | None = None, ends: int = 0
    ) -> AsyncIterator[Example]:
        """Runs one that never ends by itself; at the end it is interrupted, and must end with this code."""
        process = await self.start(*command, folder=folder)
        try:
            yield Example(process)
            process.send_signal(signal.SIGINT)
            _, err = await asyncio.wait_for(process.communicate(), END_SECONDS)
        except BaseException as error:
            process.kill()
            _, err = await process.communicate()
            error.add_note(err.decode())
            raise
        assert process.returncode == ends, err.decode()

    async def start(self, *command: object, folder: Path | None = None) -> asyncio.subprocess.Process:
        """Starts one, for tests that end it themselves."""
        program, *arguments = map(str, command)
        if program.endswith(".py"):
            program, arguments = sys.executable, [str(EXAMPLES / program), *arguments]
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            program,
            *arguments,
            cwd=folder,
            env=self.environment,
            stdout=pipe,
            stderr=pipe,
            preexec_fn=_heeds_interrupts,
        )


def _heeds_interrupts() -> None:
    """A shell lets what it starts in the background ignore them, and the tests may be run so."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def examples(service: Running, client_path: Path) -> Examples:
    """Examples of that service."""
    return Examples(service.settings, client_path)


@pytest.fixture
def account(test_id: str) -> str:
    """An account of the test's own."""
    return f"account-{test_id}"

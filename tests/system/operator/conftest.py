"""A service with a few commands of every fate behind it."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest

from consumer.settings import Settings
from producers.commands import CommandProducer
from producers.connect import make_command_producer
from producers.messages import unchecked_message
from tests.running import Running, running, settings_for


class Scene(NamedTuple):
    settings: Settings
    service: Running
    commands: CommandProducer


@pytest.fixture
async def scene(kafka: Any, mongo: Any, database: str) -> AsyncIterator[Scene]:
    """acme was created and updated, umbra created and refused; two records were no commands."""
    settings = settings_for(kafka, mongo, database, result_timeout_seconds=60)
    async with running(settings) as service, make_command_producer(settings, source="/crm") as commands:
        wait = commands.awaiting()
        await wait.create("acme", contract_type="basic")
        await wait.create("umbra", contract_type="enterprise")
        await wait.update("acme", changes={"auto_renewal": False})
        await wait.create("umbra", contract_type="basic")
        for value in (b"not JSON", b'{"changes": {"note": "a typo"}}'):
            await wait.result(unchecked_message("update", "acme", value, source="/crm"))
        yield Scene(settings, service, commands)

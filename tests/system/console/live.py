"""A running service with its console, and contracts to look at: for the tests and for the pictures."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from consumer.api.serving import api_server
from consumer.api.tokens import new_token
from consumer.settings import Settings
from producers.connect import make_command_producer
from producers.messages import unchecked_message
from schemas.topics import COMMANDS
from tests.running import Running, running, settings_for

HOSTILE = "<script>document.title='x'</script><img src=x onerror=alert(1)>"
"""What a contract or a record may hold in any of its texts."""

CONTACT = {"name": "Ada Lovelace", "email": "ada@acme.example"}


@dataclass(frozen=True)
class Console:
    """An address, tokens by name, and what stands behind them."""

    url: str
    tokens: dict[str, str]
    settings: Settings


@asynccontextmanager
async def console(kafka: Any, mongo: Any, name: str, folder: Path) -> AsyncIterator[Console]:
    """A service with a few contracts, commands of every fate, two dead letters, and its console."""
    made = {
        role: new_token(role, "operator" if role == "desk" else "reader", personal=role == "desk")
        for role in ("desk", "visitor")
    }
    (folder / "tokens").write_text("\n".join(line for _, line in made.values()))
    options = {
        "api_tokens_path": str(folder / "tokens"),
        "api_port": 0,
        "result_timeout_seconds": 60,
        "api_requests_per_second": 1_000,
    }
    settings = settings_for(kafka, mongo, name, **options)
    async with running(settings) as service:
        await _fill(service, kafka.bootstrap)
    # The service has ended: a partition can be decided. `going_on` starts it again.
    async with api_server(settings) as server:
        serving = asyncio.create_task(server.serve())
        yield Console(server.url, {role: token for role, (token, _) in made.items()}, settings)
        server.stop()
        await asyncio.wait_for(serving, 30)


def going_on(console: Console) -> Any:
    """The service of this console at work, until the end of `async with`."""
    return running(console.settings)


async def _fill(service: Running, bootstrap: str) -> None:
    async with make_command_producer(service.settings, source="/crm") as commands:
        wait = commands.awaiting()
        await wait.create(
            "acme", contract_type="basic", external_reference="crm-7", tags=["vip"], primary_contact=CONTACT
        )
        await wait.update("acme", changes={"notes": "Call them in spring."})
        await wait.create("umbra", contract_type="professional", auto_renewal=False, term_months=2)
        await wait.create("umbra", contract_type="basic")
        await wait.create("globex", contract_type="enterprise", term_months=1, base_monthly_fee=1_250)
        await wait.cancel("globex", effective="end_of_term", reason="moves to another house")
        await wait.create("hostile", contract_type="basic", term_months=1, **_hostile())
        letter = b'{"changes": {"note": "a typo", "notes": "kept"}}'
        for value in (letter, HOSTILE.encode()):
            await wait.result(unchecked_message("update", "acme", value, source="/crm"))
    record = Producer({"bootstrap.servers": bootstrap})
    record.produce(service.settings.topic_prefix + COMMANDS, HOSTILE, HOSTILE, headers={HOSTILE: HOSTILE})
    record.flush(10)
    await asyncio.sleep(0)


def _hostile() -> dict[str, Any]:
    return {
        "notes": HOSTILE,
        "tags": [HOSTILE[:60], "=cmd|' /C calc'!A0", "javascript:alert(1)"],
        "external_reference": "=HYPERLINK(1)",
        "metadata": {"site": "javascript:alert(1)", "x": HOSTILE},
        "primary_contact": {"name": HOSTILE[:60], "email": "a@acme.example"},
    }

"""Read models from `contracts.state` alone, in FastStream and JavaScript: they equal what is stored."""

import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from consumer.clients import contract_reader
from producers.connect import make_command_producer
from schemas.contract import to_json
from tests.running import Running, until
from tests.system.examples.conftest import EXAMPLES, Examples

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.kafka, pytest.mark.mongo]


async def lives(service: Running, name: str) -> None:
    """A contract that stays, one that changes, and one that is deleted."""
    async with make_command_producer(service.settings) as commands:
        for account in ("stays", "changes", "goes"):
            await commands.awaiting().create(f"{name}-{account}", contract_type="basic")
        await commands.awaiting().update(f"{name}-changes", changes={"notes": "new"})
        await commands.awaiting().delete(f"{name}-goes")


async def stored(service: Running) -> dict[str, Any]:
    async with contract_reader(service.settings) as reader:
        return {each["account_id"]: json.loads(to_json(each)) async for each in reader.each()}


async def test_with_faststream(service: Running, examples: Examples, account: str, tmp_path: Path) -> None:
    file = tmp_path / "model.db"
    await lives(service, f"{account}-before")

    async def equal() -> bool:
        query = "SELECT account_id, contract FROM contracts WHERE contract IS NOT NULL"
        rows: list[Any] = []
        with suppress(sqlite3.OperationalError), sqlite3.connect(file) as model:  # not made yet
            rows = model.execute(query).fetchall()
        return {name: json.loads(contract) for name, contract in rows} == await stored(service)

    for part in ("first", "second"):
        async with examples.following("faststream_state.py", file, account):
            await lives(service, f"{account}-{part}")
            await until(equal)


@pytest.fixture(scope="module")
def javascript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with its packages."""
    if not (shutil.which("node") and shutil.which("npm")):
        message = "javascript/state.js was NOT tested: node and npm are not installed"
        pytest.fail(message) if os.environ.get("CI", "").lower() in {"1", "true"} else pytest.skip(message)
    folder = tmp_path_factory.mktemp("built") / "javascript"
    shutil.copytree(EXAMPLES / "javascript", folder, ignore=shutil.ignore_patterns("node_modules"))
    command = ["npm", "ci", "--no-audit", "--no-fund"]
    made = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=200, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


async def test_in_javascript(
    service: Running, examples: Examples, javascript: Path, account: str, tmp_path: Path
) -> None:
    file = tmp_path / "model.json"
    await lives(service, f"{account}-before")

    async def equal() -> bool:
        found = json.loads(await asyncio.to_thread(file.read_text)) if file.exists() else None
        return found == await stored(service)

    for part in ("first", "second"):
        async with examples.following("node", "state.js", file, folder=javascript):
            await lives(service, f"{account}-{part}")
            await until(equal)

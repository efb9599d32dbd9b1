"""Read models from `contracts.state` alone, in FastStream and JavaScript, killed under load."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from producers.connect import make_command_producer
from tests.running import Running, until
from tests.system.examples.conftest import EXAMPLES, Examples
from tests.system.examples.under_load import in_sqlite, killed_under_load, load, stored

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.kafka, pytest.mark.mongo]
KILLS = 2


async def follows(
    service: Running,
    examples: Examples,
    command: Sequence[object],
    model: Callable[[], dict[str, Any]],
    folder: Path | None = None,
) -> None:
    """Killed in the middle of a load, with deletions among it, and started again: it has what is stored."""
    enough, name = asyncio.Event(), str(command[-1]).rpartition("/")[2]
    loading = asyncio.create_task(load(service, Random(3), name=name, enough=enough))
    await killed_under_load(loading, lambda: examples.start(*command, folder=folder), model, KILLS)
    async with make_command_producer(service.settings) as commands:
        await commands.awaiting().create(f"{name}-goes", contract_type="basic")
        await commands.awaiting().delete(f"{name}-goes")

    async def equal() -> bool:
        return await asyncio.to_thread(model) == await stored(service)

    async with examples.following(*command, folder=folder):
        enough.set()
        await loading
        await until(equal)


# The embedded broker lets nobody join for more than a minute after a member of this group was killed.
@pytest.mark.parametrize("kafka_kind", ["apache"], indirect=True)
async def test_with_faststream(service: Running, examples: Examples, account: str, tmp_path: Path) -> None:
    file = tmp_path / "model.db"
    await follows(service, examples, ("faststream_state.py", file, account), lambda: in_sqlite(file))


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


async def test_in_javascript(service: Running, examples: Examples, javascript: Path, tmp_path: Path) -> None:
    file = tmp_path / "model.json"

    def model() -> dict[str, Any]:
        return dict(json.loads(file.read_text())) if file.exists() else {}

    await follows(service, examples, ("node", "state.js", file), model, javascript)

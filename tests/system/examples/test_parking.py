"""examples/parking.py: a bounded number of tries, nothing lost, and each account in its order."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from producers.connect import make_command_producer
from tests.running import Running, until
from tests.servers import create_topic
from tests.system.examples.conftest import EXAMPLES, Examples

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.kafka, pytest.mark.mongo]

USER = """
import asyncio, contextlib, json, pathlib, sys
import parking

folder = pathlib.Path(sys.argv[1])

def note(file, text):
    with (folder / file).open("a") as lines:
        lines.write(text + "\\n")

async def handle(record):
    account, change = record.key.decode(), json.loads(record.value)["change"]
    note("tried", f"{account} {change}")
    if (folder / "away").exists():
        raise parking.Away("the database")
    if account in (folder / "broken").read_text().split():
        raise ValueError("no such plan")
    note("done", f"{account} {change}")

with contextlib.suppress(KeyboardInterrupt):
    if sys.argv[2] == "follow":
        asyncio.run(parking.follow(handle))
    else:
        asyncio.run(parking.retry(handle, *sys.argv[3:]))
"""


class User:
    """A service that uses the recipe with a handler of its own, which fails when it is told to."""

    def __init__(self, folder: Path, examples: Examples, group: str) -> None:
        self.folder, self.examples = folder, examples
        self.script = folder / "user.py"
        self.script.write_text(USER)
        examples.environment |= {"PYTHONPATH": str(EXAMPLES), "FOLLOWER_GROUP": group}
        self.breaks()

    def breaks(self, *accounts: str) -> None:
        (self.folder / "broken").write_text(" ".join(accounts))

    def lines(self, file: str, account: str) -> list[str]:
        path = self.folder / file
        found = path.read_text().splitlines() if path.exists() else []
        return [line.split()[1] for line in found if line.split()[0] == account]

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        async with self.examples.following(sys.executable, self.script, self.folder, "follow"):
            yield

    async def retry(self, *drop: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, self.script, self.folder, "retry", *drop]
        return await asyncio.to_thread(
            subprocess.run,
            command,
            env=self.examples.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    async def has(self, file: str, account: str, *changes: str) -> None:
        async def there() -> bool:
            return self.lines(file, account) == list(changes)

        await until(there)


async def test_what_fails_is_parked_and_its_account_waits_behind_it(
    examples: Examples, service: Running, account: str, tmp_path: Path
) -> None:
    good, bad = f"{account}-good", f"{account}-bad"
    user = User(tmp_path, examples, account)
    await asyncio.to_thread(
        create_topic, service.settings.kafka_bootstrap_servers, f"{account}.parked", partitions=3
    )
    async with make_command_producer(service.settings) as producer:
        commands = producer.awaiting()
        user.breaks(bad)
        await commands.create(bad, contract_type="basic")
        await commands.change_plan(bad, contract_type="enterprise")
        await commands.create(good, contract_type="basic")
        async with user.following():
            await user.has("done", good, "created")
            await user.has("tried", bad, *["created"] * 4)
            await commands.update(good, changes={"notes": "after it"})
            await user.has("done", good, "created", "updated")

        # It was committed, and who is started next knows whose events wait.
        await commands.update(bad, changes={"notes": "still behind"})
        await commands.change_plan(good, contract_type="enterprise")
        async with user.following():
            await user.has("done", good, "created", "updated", "plan_changed")
        assert (await user.retry()).stderr.endswith("still fails: ValueError('no such plan')\n")
        assert user.lines("tried", bad) == ["created"] * 8

        user.breaks()
        assert (await user.retry()).returncode == 0
        await commands.renew(bad)
        async with user.following():
            await user.has("done", bad, "created", "plan_changed", "updated", "renewed")
        assert len(user.lines("tried", bad)) == 12


async def test_nothing_is_parked_because_a_database_is_away(
    examples: Examples, service: Running, account: str, tmp_path: Path
) -> None:
    user = User(tmp_path, examples, account)
    await asyncio.to_thread(
        create_topic, service.settings.kafka_bootstrap_servers, f"{account}.parked", partitions=3
    )
    (tmp_path / "away").touch()
    async with make_command_producer(service.settings) as commands:
        await commands.awaiting().create(account, contract_type="basic")
        async with user.following():

            async def tried_again() -> bool:
                tried = tmp_path / "tried"  # of whichever account comes first
                return tried.exists() and len(tried.read_text().splitlines()) > 1

            await until(tried_again)
            (tmp_path / "away").unlink()
            await user.has("done", account, "created")
    user.breaks(account)
    assert (await user.retry()).returncode == 0  # there is nothing to retry

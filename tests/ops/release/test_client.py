"""The client as another team has it: from its wheel, beside modules of theirs that are named as ours."""

import asyncio
import subprocess
import sys
from email.parser import Parser
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

from tests.ops.release.conftest import Team
from tests.running import running, settings_for
from tools.client.build import EXTRAS, REQUIRED
from tools.client.parts import PUBLIC, closure, rewritten, third_parties

LIMIT_BYTES = 30_000_000
"""Of all that pip installs for it, without bytecode. It is 21 MB today; the whole service takes 50."""

THEIRS = """\
import schemas, consumer, producers.orders
assert (schemas.ORDER, consumer.handle(), producers.orders.TOPIC) == ({"type": "object"}, "theirs", "orders")
"""
PUBLISH = (
    THEIRS
    + """
import asyncio
from contracts_client import load_settings, make_command_producer
from contracts_client.errors import CommandRejected, InputRefused

async def main() -> None:
    async with make_command_producer(load_settings(), source="/billing") as commands:
        result = await commands.awaiting().create("client-1", contract_type="basic")
        print(result.outcome, result.version)
        try:
            (await commands.awaiting().create("client-1", contract_type="basic")).raise_if_rejected()
        except CommandRejected as error:
            print("rejected:", error.code)
        try:
            await commands.update("client-1", changes={"note": "a typo"})
        except InputRefused as error:
            print("not sent:", error)

asyncio.run(main())
"""
)
TYPED = """\
import consumer
from contracts_client import CommandProducer, CommandResult, load_settings, make_command_producer
from contracts_client.errors import ContractsError
from contracts_client.schemas.contract import ContractState


async def open_contract(commands: CommandProducer, account: str) -> CommandResult:
    {call}


def fee(contract: ContractState) -> str:
    return str(contract["currency"]) + consumer.handle()


producer = make_command_producer(load_settings(), source="/billing")
problem: type[Exception] = ContractsError
"""
RIGHT = 'return await commands.awaiting().create(account, contract_type="basic")'
WRONG = {
    'return await commands.awaiting().create(account, contract_type="gold")': "contract_type",
    'return await commands.create(account, contract_type="basic")': "Sent",
    'return await commands.awaiting().create(account, contract_type="basic", colour="red")': "colour",
}


async def test_a_command_is_published_and_its_result_read(
    team: Team, kafka: Any, mongo: Any, test_id: str
) -> None:
    settings = settings_for(kafka, mongo, f"c{test_id}")
    environment = {
        "CONTRACTS_KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "CONTRACTS_TOPIC_PREFIX": settings.topic_prefix,
    }
    async with running(settings):
        ended = await asyncio.to_thread(team.run, PUBLISH, environment)
    assert (ended.returncode, ended.stderr) == (0, "")
    applied, rejected, refused = ended.stdout.splitlines()
    assert applied == "applied 1"
    assert rejected == "rejected: contract_exists"
    assert refused.startswith("not sent: update: /changes/note")


def _mypy(team: Team, call: str) -> subprocess.CompletedProcess[str]:
    (team.folder / "typed.py").write_text(TYPED.format(call=call))
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(team.python), "typed.py"]
    return subprocess.run(command, check=False, cwd=team.folder, capture_output=True, text=True, timeout=240)


def test_a_users_file_passes_mypy_strict(team: Team) -> None:
    ended = _mypy(team, RIGHT)
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("call", WRONG)
def test_mypy_sees_a_users_mistake(team: Team, call: str) -> None:
    ended = _mypy(team, call)
    assert ended.returncode == 1
    assert WRONG[call] in ended.stdout


@pytest.mark.parametrize("module", ["readers", "manager", "testkit", "temporal"])
def test_a_missing_extra_is_told_by_name(team: Team, module: str) -> None:
    ended = team.run(f"import contracts_client.{module}")
    assert f"contracts_client.{module} needs an extra: pip install 'contract-service-client[" in ended.stderr


def test_it_brings_little_with_it(team: Team) -> None:
    listed = subprocess.run(
        [team.python, "-m", "pip", "list", "--format=freeze", "--exclude=pip", "--exclude=setuptools"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    names = {line.partition("==")[0].lower().replace("_", "-") for line in listed.stdout.splitlines()}
    assert names.isdisjoint(
        {"uvicorn", "starlette", "typer", "rich", "motor", "pymongo", "prometheus-client", "structlog"}
    )
    assert set(REQUIRED) < names
    [packages] = team.folder.glob(".venv/lib/python*/site-packages")
    own = [path for path in packages.iterdir() if not path.name.startswith(("pip", "setuptools", "wheel"))]
    files = [
        file for path in own for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file()
    ]
    taken = sum(file.stat().st_size for file in files if file.suffix != ".pyc")
    assert taken < LIMIT_BYTES


def test_all_that_it_imports_is_asked_for() -> None:
    packages = {
        "bson": "pymongo",
        "opentelemetry": "opentelemetry-api",
        "pydantic_core": "pydantic",
        "typing_extensions": "pydantic",
    }
    asked = {*REQUIRED, *(name for names in EXTRAS.values() for name in names)}
    assert {packages.get(name, name.replace("_", "-")) for name in third_parties(closure())} <= asked


def test_the_wheel_holds_nothing_but_the_client(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = archive.namelist()
        [about] = [archive.read(name).decode() for name in names if name.endswith("METADATA")]
    assert {name.partition("/")[0] for name in names if ".dist-info" not in name} == {"contracts_client"}
    assert "contracts_client/py.typed" in names
    assert not [name for name in names if "devstack" in name or "metrics" in name]
    for module in PUBLIC.values():
        path = module.replace(".", "/")
        assert {f"{path}.py", f"{path}/__init__.py"} & set(names), module
    extras = Parser().parsestr(about)
    required = [Requirement(text) for text in extras.get_all("Requires-Dist", [])]
    assert {each.name for each in required if each.marker is None} == set(REQUIRED)


def test_an_import_that_does_not_carry_over_is_refused() -> None:
    assert rewritten("from consumer.errors import InputRefused\n") == (
        "from contracts_client.errors import InputRefused\n"
    )
    with pytest.raises(ValueError, match="consumer"):
        rewritten("import os, consumer.errors\n")

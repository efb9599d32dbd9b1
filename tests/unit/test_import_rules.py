"""The import rules hold, and each of them would notice."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import aiokafka.errors
import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("consumer", "producers", "schemas", "devstack")
LINT = Path(sys.executable).with_name("lint-imports")
RUFF = Path(sys.executable).with_name("ruff")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT, "--no-cache", "--config", "pyproject.toml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("package", ["consumer", "producers", "schemas"])
def test_type_checkers_of_those_who_install_us_see_the_types(package: str) -> None:
    """Without the marker mypy takes every call of a CommandProducer for right."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert "py.typed" in project["tool"]["setuptools"]["package-data"][package]
    assert (ROOT / package / "py.typed").exists()


def test_the_rules_hold() -> None:
    ran = lint(ROOT)
    assert ran.returncode == 0, ran.stdout


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the project that a test may spoil."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def banned(file: str, lines: str) -> str:
    """What ruff says to these lines in that file."""
    return subprocess.run(
        [RUFF, "check", "--select", "TID251", "--stdin-filename", file, "-"],
        cwd=ROOT,
        input=lines,
        capture_output=True,
        text=True,
        check=False,
    ).stdout


@pytest.mark.parametrize(
    ("file", "noticed"),
    [("consumer/bootstrap.py", True), ("producers/sending.py", True), ("consumer/kafka/sender.py", False)],
)
@pytest.mark.parametrize("line", ["from aiokafka import AIOKafkaProducer", "import aiokafka.errors"])
def test_only_one_folder_knows_aiokafka(file: str, line: str, *, noticed: bool) -> None:
    """Also not for annotations, which import-linter leaves out."""
    found = banned(file, f"if TYPE_CHECKING:\n    {line}\n")
    assert ("only consumer/kafka knows aiokafka" in found) == noticed, found


@pytest.mark.parametrize(
    ("file", "noticed"),
    [
        ("consumer/storage/indexes.py", True),
        ("consumer/storage/written_tomorrow.py", True),
        ("consumer/bootstrap.py", True),
        ("devstack/kafka.py", True),
        ("consumer/storage/mongo.py", False),
    ],
)
@pytest.mark.parametrize(
    "lines",
    [
        "from motor.motor_asyncio import AsyncIOMotorClient",
        "from pymongo import AsyncMongoClient",
        "from pymongo import MongoClient",
        "from pymongo.asynchronous.mongo_client import AsyncMongoClient",
        'import pymongo\n\npymongo.AsyncMongoClient("mongodb://localhost")',
    ],
)
def test_only_one_file_opens_connections_to_mongodb(file: str, lines: str, *, noticed: bool) -> None:
    found = banned(file, f"{lines}\n")
    assert ("only consumer/storage/mongo.py opens connections" in found) == noticed, found


_OF_AIOKAFKA = re.compile(r"aiokafka(\.[\w.]+)?")
_ERRORS = {name.removesuffix("Error") for name in vars(aiokafka.errors) if name.endswith("Error")}


def names_of_aiokafka(source: str) -> list[str]:
    """Names of its loggers and of its errors, as texts in the code."""
    found = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    return [
        text
        for text in found
        if isinstance(text, str)
        and (_OF_AIOKAFKA.fullmatch(text) or text.removesuffix("Error") in _ERRORS - {"", "Kafka"})
    ]


def test_only_one_folder_names_what_is_inside_aiokafka() -> None:
    files = [file for package in ("consumer", "producers") for file in (ROOT / package).rglob("*.py")]
    inside = {file for file in files if names_of_aiokafka(file.read_text("utf-8"))}
    assert {str(file.relative_to(ROOT).parent) for file in inside} == {"consumer/kafka"}


def test_a_name_from_inside_aiokafka_is_noticed() -> None:
    lines = 'logging.getLogger("aiokafka.conn")\n"NotEnoughReplicas" in line\n"install a wheel of aiokafka"\n'
    assert sorted(names_of_aiokafka(lines)) == ["NotEnoughReplicas", "aiokafka.conn"]


@pytest.mark.parametrize(
    ("file", "line", "rule"),
    [
        ("consumer/domain/decider.py", "import consumer.engine.fold", "rooms"),
        ("consumer/domain/decider.py", "import consumer.settings", "domain knows nobody"),
        ("consumer/domain/decider.py", "import time", "domain knows nobody"),
        ("consumer/domain/decider.py", "import random", "domain knows nobody"),
        ("schemas/commands.py", "import consumer.domain.model", "schemas know no service"),
        ("consumer/kafka/topics.py", "import pymongo", "only consumer.storage"),
        ("consumer/engine/storing.py", "import opentelemetry", "only consumer.telemetry"),
        ("producers/messages.py", "import opentelemetry.trace", "only consumer.telemetry"),
        (
            "consumer/bootstrap.py",
            "from motor.motor_asyncio import AsyncIOMotorClient",
            "only consumer.storage",
        ),
        ("consumer/storage/indexes.py", "import motor", "only storage/mongo.py"),
        ("consumer/storage/mongo_driver.py", "import motor", "only storage/mongo.py"),
        ("consumer/storage/written_tomorrow.py", "import motor", "only storage/mongo.py"),
        ("consumer/storage/mongo.py", "import aiokafka", "the store knows no Kafka"),
        ("consumer/engine/batch.py", "import consumer.bootstrap", "rooms"),
        ("consumer/storage/memory.py", "import consumer.telemetry.http", "rooms"),
        ("consumer/kafka/topics.py", "import consumer.storage.mongo", "rooms"),
        ("consumer/operator/positions.py", "import consumer.api.app", "rooms"),
        ("consumer/api/app.py", "import consumer.process", "rooms"),
        ("consumer/api/app.py", "import pymongo", "only consumer.storage"),
        ("consumer/nowhere.py", "", "rooms"),
        ("producers/messages.py", "import consumer.bootstrap", "packages"),
        ("consumer/reading/reader.py", "import producers.messages", "packages"),
        ("consumer/kafka/topics.py", "import devstack.kafka", "the service does without"),
    ],
)
def test_each_rule_notices(tree: Path, file: str, line: str, rule: str) -> None:
    with (tree / file).open("a") as spoilt:
        spoilt.write(f"\n{line}\n")
    ran = lint(tree)
    assert ran.returncode == 1
    broken = [told for told in ran.stdout.splitlines() if " BROKEN" in told]
    assert any(told.startswith(rule) for told in broken), ran.stdout

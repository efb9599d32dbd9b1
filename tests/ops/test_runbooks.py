"""Runbooks: what they name exists, and what they tell an operator to type is understood."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from consumer.cli.main import app
from consumer.operator.choices import Decision

ROOT = Path(__file__).parents[2]
PAGES = sorted([*(ROOT / "docs/runbooks").glob("*.md"), ROOT / "docs/security.md", ROOT / "docs/threats.md"])
LINK = re.compile(r"\]\(([^)#]+)\)")
RESET = re.compile(r"(?<=[` ])--([a-z][a-z-]*)")
OTHERS = {
    "alter",
    "json",
    "topic",
    "partitions",
    "describe",
    "group",
    "oplog",
    "partition",
    "once",
    "against",
    "debug",
}
OTHERS |= {
    "force",
    "entity-type",
    "entity-name",
    "add-config",
    "unavailable-partitions",
    "set",
    "wait",
    "bootstrap-server",
    "offset-json-file",
    "records",
    "seed",
    "start-offset",
    "list",
    "files",
    "from",
    "from-checkpoint",
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    assert [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_options_exist(page: Path) -> None:
    assert set(RESET.findall(page.read_text())) <= {*Decision, *OTHERS}


def test_every_decision_is_explained_somewhere() -> None:
    text = "".join(page.read_text() for page in PAGES)
    assert {decision for decision in Decision if f"--{decision}" not in text} == set()


@pytest.mark.parametrize("command", ["positions show", "positions reset", "topics ensure", "indexes ensure"])
def test_commands_exist(command: str) -> None:
    assert any(f"contracts {command}" in page.read_text() for page in PAGES)
    assert CliRunner().invoke(app, [*command.split(), "--help"]).exit_code == 0

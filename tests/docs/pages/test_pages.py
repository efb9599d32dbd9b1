"""Every step of the pages that teach is run, on the embedded servers, as a reader would."""

import os
import re
import shutil
from pathlib import Path

import pytest
import typer

from consumer.cli import main as cli
from tests.docs.pages.page import DOCS, blocks, run_page

PAGES = {
    "../README.md": ["kcat"],
    "tutorial.md": [],
    "publish.md": ["kcat", "node", "npm"],
    "consume.md": ["kcat"],
    "generate-code.md": [],
    "read.md": [],
    "preview.md": [],
    "renewal.md": [],
    "phases.md": [],
    "revenue.md": [],
    "traces.md": [],
    "cli.md": [],
    "replay-and-restore.md": [],
}
"""Pages by the programs they need, which are required in CI."""


@pytest.mark.parametrize("name", PAGES)
def test_the_steps_of_a_page_work(name: str, tmp_path: Path, demo: dict[str, str]) -> None:
    missing = [program for program in PAGES[name] if shutil.which(program) is None]
    if missing and os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(f"required in CI: {', '.join(missing)}", pytrace=False)
    if missing:
        pytest.skip(f"{name} NOT TESTED: {', '.join(missing)} not installed")
    assert run_page(DOCS / name, tmp_path, demo) > 1


@pytest.mark.parametrize("name", PAGES)
def test_no_block_is_overlooked(name: str) -> None:
    """A fence that the reader of blocks does not understand would silently not run."""
    fences = re.findall(r"^```\w", (DOCS / name).read_text("utf-8"), re.MULTILINE)
    assert len(list(blocks(DOCS / name))) == len(fences)


def every_command() -> list[str]:
    group = typer.main.get_command(cli.app)
    found, waiting = [], [("contracts", group)]
    while waiting:
        path, command = waiting.pop()
        inner = getattr(command, "commands", None)
        waiting += [(f"{path} {name}", each) for name, each in (inner or {}).items()]
        found += [] if inner else [path]
    return sorted(found)


@pytest.mark.parametrize("command", every_command())
def test_every_command_is_shown_with_an_example(command: str) -> None:
    examples = [block.code for block in blocks(DOCS / "cli.md") if block.language == "sh"]
    assert any(re.search(rf"\b{command}\b", code) for code in examples), f"docs/cli.md: {command}"

"""What CONTRIBUTING.md tells to do works: a copy of the repository is taken through every step of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.walks import ROOT, Block, Stale, apply, walk

WALKS = ["How to add a command", "How to add an event", "How to add a field"]
LEFT_OUT = (".git", ".venv", ".*_cache", ".hypothesis", "*.egg-info", "site")


def done(line: str, folder: Path) -> None:
    """Runs a command as somebody would who works in the folder."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    environment["PYTHONPATH"] = str(folder)
    run = subprocess.run(
        ["/bin/sh", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, f"$ {line}\n{run.stdout[-4000:]}{run.stderr[-4000:]}"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The repository as it stands, without what can be made from it but for what mypy knows already."""
    folder = tmp_path / "copy"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*LEFT_OUT))
    if (ROOT / ".mypy_cache").exists():
        shutil.copytree(ROOT / ".mypy_cache", folder / ".mypy_cache")
    return folder


@pytest.mark.timeout(900)
@pytest.mark.parametrize("title", WALKS)
def test_the_steps_work_and_their_checks_are_green(title: str, copy: Path) -> None:
    blocks = walk(title)
    assert {block.language for block in blocks} == {"diff", "python", "sh"}
    for block in blocks:
        if block.language != "sh":
            apply(block, copy)
    for block in blocks:
        if block.language == "sh":
            for line in block.text.splitlines():
                done(line, copy)
    done("ruff check . && ruff format --check .", copy)


def test_a_step_that_names_what_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one\ntwo\ntwo\n")
    for shown, times in (("three", 0), ("two", 2)):
        with pytest.raises(Stale, match=rf"a\.py that are there {times} times, not once"):
            apply(Block("diff", f"--- a.py\n {shown}\n+more\n"), tmp_path)


def test_a_step_changes_what_it_shows_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one\ntwo\nthree\n")
    apply(Block("diff", "--- a.py\n-one\n+1\n two\n@@\n+2.5\n three\n"), tmp_path)
    assert (tmp_path / "a.py").read_text() == "1\ntwo\n2.5\nthree\n"


def test_a_new_file_must_be_new(tmp_path: Path) -> None:
    block = Block("python", "# new: b.py\nx = 1\n")
    apply(block, tmp_path)
    assert (tmp_path / "b.py").read_text() == "x = 1\n"
    with pytest.raises(Stale, match=r"`# new: b\.py`"):
        apply(block, tmp_path)

"""The official parser reads the AsyncAPI document."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from schemas.export import PUBLISHED

TOOL = Path(__file__).parents[3] / "tools" / "asyncapi"
REQUIRED = os.environ.get("CI") == "true"


def missing(what: str):
    """Elsewhere a test may go without; where it counts it may not."""
    message = f"{what}: the AsyncAPI document was NOT checked by the official parser"
    if REQUIRED:
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="module")
def node() -> str:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        missing("Node.js is not installed")
    if not (TOOL / "node_modules").exists():
        install = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(install, cwd=TOOL, check=False, capture_output=True, text=True, timeout=200)
        if done.returncode != 0:
            missing(f"npm cannot install the parser ({done.stderr.strip()[-200:]})")
    return node


def check(node: str, file: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [node, TOOL / "check.mjs", file], check=False, capture_output=True, text=True, timeout=100
    )


def test_the_published_document_is_valid(node):
    done = check(node, PUBLISHED / "asyncapi.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "26 messages, 8 operations" in done.stdout
    assert "warning" not in done.stdout


def test_the_check_finds_mistakes(node, tmp_path):
    text = (PUBLISHED / "asyncapi.json").read_text()
    broken = tmp_path / "asyncapi.json"
    broken.write_text(text.replace('"action": "send"', '"action": "shout"', 1))
    assert check(node, broken).returncode == 1

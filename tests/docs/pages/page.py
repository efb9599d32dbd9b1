"""A page of the documentation as a program: its blocks are run in order, in one folder.

    ```python title="handler.py"      is written into that file
    ```sh                             is run by bash and must succeed
    <!-- test: until TEXT -->         before a block: it runs until it has printed TEXT, then it is ended
    <!-- test: shows TEXT -->         before a block: it must have printed TEXT
    <!-- test: code 9 -->             before a block: it must end with that exit code
    <!-- test: skip WHY -->           before a block: it is not run

Blocks in other languages are not run.
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).parents[3] / "docs"
SECONDS = 90
END_SECONDS = 20

_BLOCK = re.compile(
    r"(?P<notes>(?:<!-- test: [^\n]* -->\n)*)```(?P<language>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n"
    r"(?P<code>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
_NOTE = re.compile(r"<!-- test: (\w+) ?([^\n]*?) -->")


class Block(NamedTuple):
    language: str
    title: str | None
    code: str
    notes: list[tuple[str, str]]

    def told(self, what: str) -> list[str]:
        return [text for name, text in self.notes if name == what]


def blocks(page: Path) -> Iterator[Block]:
    for found in _BLOCK.finditer(page.read_text("utf-8")):
        yield Block(found["language"], found["title"], found["code"], _NOTE.findall(found["notes"]))


def run_page(page: Path, folder: Path, environment: dict[str, str]) -> int:
    """Runs the blocks; returns how many were run. Fails with the block that fails, and what it said."""
    run = 0
    for block in blocks(page):
        if block.told("skip"):
            continue
        if block.title:
            (folder / block.title).write_text(block.code, "utf-8")
        elif block.language == "sh":
            _run(block, folder, environment)
            run += 1
    return run


def _run(block: Block, folder: Path, environment: dict[str, str]) -> None:
    output = folder / "output.txt"
    with output.open("w+b") as file:
        shell = subprocess.Popen(
            ["bash", "-e", "-o", "pipefail", "-c", block.code],
            cwd=folder,
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            code = _wait(shell, output, block.told("until"))
        finally:
            _end(shell)
    said = output.read_text("utf-8", "replace")
    story = f"{block.code}\nsaid:\n{said}"
    expected = int((block.told("code") or ["0"])[0])
    assert code in {expected, None}, f"code {code}: {story}"
    for text in block.told("shows"):
        assert text in said, story


def _end(shell: subprocess.Popen[bytes]) -> None:
    """In order, as Ctrl-C does: a killed member of the group would keep its partitions for a while."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if shell.poll() is None:
            os.killpg(shell.pid, number)
            with suppress(subprocess.TimeoutExpired):
                shell.wait(END_SECONDS)


def _wait(shell: subprocess.Popen[bytes], output: Path, until: list[str]) -> int | None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        said = output.read_text("utf-8", "replace")
        if until and all(text in said for text in until):
            return None
        if (code := shell.poll()) is not None:
            if until:
                raise AssertionError(f"ended with code {code} without {until}: {output.read_text('utf-8')}")
            return code
        time.sleep(0.05)
    raise AssertionError(f"still running after {SECONDS} s: {output.read_text('utf-8', 'replace')}")

"""What commands print on a terminal, however wide it is."""

import io
import os
import pty
import subprocess
import sys
from collections.abc import Callable

import pytest
from rich.cells import cell_len

from consumer.cli.main import (
    dead_letters,
    doctor,
    expiring,
    history,
    listing,
    positions,
    schemas,
    settings,
    topics,
)
from consumer.cli.output import document_or_json, table_or_json


def test_a_terminal_gets_a_table_and_a_progress_bar() -> None:
    script = (
        "from consumer.cli.output import progress, table_or_json\n"
        "with progress('importing', 2) as advance: advance(2)\n"
        "rows = [{'account_id': '[bold]beta[/bold]\\x1b[31m', 'fee': 9}]\n"
        "table_or_json(rows, ('account_id', 'fee'), as_json=False)"
    )
    shown = on_a_terminal(script)
    assert "importing" in shown
    assert "2/2" in shown
    assert "account id" in shown
    assert "[bold]beta[/bold]\\x1b[31m" in shown
    assert "─" in shown


def test_a_terminal_gets_a_table_for_each_list_of_objects() -> None:
    script = (
        "from consumer.cli.output import document_or_json\n"
        "document_or_json({'id': 1, 'add_ons': [{'name': 'data', 'monthly_fee': 5}]}, as_json=False)"
    )
    shown = on_a_terminal(script)
    assert "add ons" in shown
    assert "monthly fee" in shown
    assert "{" not in shown


LISTED = {
    "account_id": "acct-00012345",
    "contract_id": "contract_20260101_000000_0123456789ab",
    "status": "pending_renewal",
    "end_date": "2026-12-31T00:00:00Z",
    "notes": "🙂 " * 30 + "end",
    "changes": "updated /a, /b, /c",
    "version": 7,
}


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], io.StringIO]:
    """Makes stdout a terminal of this width; what is returned has what it shows."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def of_width(width: int) -> io.StringIO:
        shown = Terminal()
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setattr(sys, "stdout", shown)
        return shown

    return of_width


COLUMNS = {
    "two": ("account_id", "status"),
    "list": listing.LISTED,
    "expiring": expiring.COLUMNS,
    "history": history.HISTORY,
    "dead-letters list": dead_letters.COLUMNS,
    "dead-letters replay": dead_letters.REDRIVE_COLUMNS,
    "positions": positions.COLUMNS,
    "topics": topics.COLUMNS,
    "doctor": doctor.COLUMNS,
    "settings": settings.COLUMNS,
    "schemas check": schemas.COLUMNS,
    "long text": tuple(LISTED),
}


@pytest.mark.parametrize("width", [40, 80, 120, 200])
@pytest.mark.parametrize("columns", COLUMNS.values(), ids=COLUMNS)
def test_no_terminal_is_too_narrow_for_any_cell(terminal, width: int, columns: tuple[str, ...]) -> None:
    """Whole, on one line, under its name; and what fits is a table."""
    row = {name: LISTED.get(name, f"the {name} of a row") for name in columns}
    shown = terminal(width)
    table_or_json([row] * 2, columns, as_json=False)
    lines = shown.getvalue().splitlines()
    whole = sum(max(cell_len(str(row[name])), len(name)) + 2 for name in columns) - 2
    table = [line for line in lines if all(str(row[name]) in line for name in columns)]
    assert len(table) == (2 if whole <= width else 0)
    for name in columns:
        ending = str(row[name]).rstrip()
        assert len([line for line in lines if line in table or line.rstrip().endswith(ending)]) >= 2, name
        assert any(name.replace("_", " ") in line for line in lines)
    if table:
        assert max(map(cell_len, lines)) <= width


@pytest.mark.parametrize("width", [40, 200])
def test_a_document_is_never_folded(terminal, width: int) -> None:
    shown = terminal(width)
    document_or_json({"notes": f"{'word ' * 60}end", "add_ons": [LISTED]}, as_json=False)
    lines = shown.getvalue().splitlines()
    assert lines[0] == f"notes  {'word ' * 60}end"
    assert any(LISTED["contract_id"] in line for line in lines)


def test_a_narrow_terminal_gets_a_block_for_each_row() -> None:
    script = (
        "from consumer.cli.output import table_or_json\n"
        "rows = [{'account_id': 'a' * 30, 'fee': 9}, {'account_id': 'b' * 30, 'fee': None}]\n"
        "table_or_json(rows, ('account_id', 'fee'), as_json=False)"
    )
    assert on_a_terminal(script, 33).replace("\r", "").splitlines() == [
        "── 1 of 2 ──",
        f"account id  {'a' * 30}",
        "fee         9",
        "── 2 of 2 ──",
        f"account id  {'b' * 30}",
        "fee",
    ]


@pytest.mark.parametrize(("no_color", "colour"), [("", True), ("1", False)])
def test_errors_are_coloured_for_people_who_want_it(no_color: str, colour: bool) -> None:
    script = (
        "from consumer.cli.running import exit_code_of\n"
        "from consumer.errors import InputRefused\n"
        "def refuse(): raise InputRefused('no')\n"
        "exit_code_of(refuse)"
    )
    assert ("\x1b[" in on_a_terminal(script, no_color=no_color)) == colour


def on_a_terminal(script: str, width: int = 100, *, no_color: str = "1") -> str:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": str(width), "NO_COLOR": no_color}
    running = subprocess.Popen([sys.executable, "-c", script], stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:  # Linux says so when the other end is closed
        pass
    os.close(ours)
    assert running.wait(30) == 0, shown
    return shown.decode()

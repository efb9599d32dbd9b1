"""What the demo prints: a line for each step, four small tables, one contract's life, the verdict.

The same text with and without a terminal; only colours and the turning wheel are for terminals.
"""

from __future__ import annotations

import time
from collections import Counter
from contextlib import contextmanager
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from devstack.demo_story import LINES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from devstack.proof.checker import Checker
    from devstack.proof.expected import Expected
    from devstack.proof.verdict import Verdict

WIDTH = 100
LIFE_LINES = 5
LONGEST_LINE = 90

Rows = Counter[str]


class Report:
    """Prints to stdout."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        if self._console.width > WIDTH or not self._console.is_terminal:
            self._console.width = WIDTH

    def say(self, text: str = "", style: str = "") -> None:
        """A line as it is; a long one stays one line, so that it can be copied."""
        self._console.print(text, style=style, soft_wrap=True, markup=False)

    @contextmanager
    def step(self, name: str, what: str) -> Iterator[None]:
        """A line that is completed with its duration."""
        began = time.monotonic()
        with self._console.status(f"{name}: {what} …"):
            yield
        seconds = time.monotonic() - began
        self._console.print(
            Text.assemble((f"{name:<10}", "bold"), f"{what:<74}", (f"{seconds:5.1f} s", "cyan"))
        )

    def outcome(self, checker: Checker) -> None:
        """The outcome of the records: results, events, dead letters, contracts."""
        outputs = checker.model.outputs
        contracts = checker.watched.state().contracts
        self.say()
        self._side_by_side(
            ("Outcomes of the commands", _outcomes(outputs)),
            ("Published", Counter(_published(each) for each in outputs)),
        )
        self._side_by_side(
            ("Contracts stored in MongoDB", Counter(each["status"] for each in contracts)),
            ("Dead letters, by reason", Counter(reason for each in outputs if (reason := _reason(each)))),
        )
        self._life(outputs)

    def _side_by_side(self, left: tuple[str, Rows], right: tuple[str, Rows]) -> None:
        table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="bold")
        for title, _ in (left, right):
            table.add_column("", justify="right", width=7)
            table.add_column(title, width=39)
        rows = zip_longest(_sorted(left[1]), _sorted(right[1]), fillvalue=("", ""))
        for (one, many), (other, more) in rows:
            table.add_row(many, one, more, other)
        self._console.print(table)
        self.say()

    def _life(self, outputs: Sequence[Expected]) -> None:
        """The contract with the most varied life, change by change."""
        lives: dict[str, list[Any]] = {}
        for each in outputs:
            if each.topic == "contracts.changed":
                lives.setdefault(each.account, []).append(each.data)
        if not lives:
            return
        account = max(lives, key=lambda name: len({change["change"] for change in lives[name]}))
        self.say(f"For instance {account}, as its readers saw it in contracts.changed:", "bold")
        for data in lives[account][:LIFE_LINES]:
            fields = ", ".join(field["path"].lstrip("/") for field in data["changed_fields"])
            line = f"  version {data['version']}  {data['change']:<17} {fields}"
            self.say(line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}…")
        if (more := len(lives[account]) - LIFE_LINES) > 0:
            self.say(f"  … and {more} more")

    def verdict(self, verdict: Verdict) -> None:
        """What the comparison found."""
        self.say()
        self.say(
            f"{verdict.commands:,} commands and the {verdict.outputs:,} records that they produced,"
            f" compared one by one: {verdict.line()}"
        )
        if not verdict.ok:
            self.say(str(verdict), "red")

    def finished(self, *, ok: bool) -> None:
        """The last line."""
        if ok:
            self.say("OK: nothing lost, nothing twice, nothing out of order.", "bold green")
        else:
            self.say("FAILED: see the first differences above.", "bold red")

    def failed(self, why: str) -> None:
        """The last line when it did not come to a verdict."""
        self.say(f"FAILED: {why}", "bold red")

    def staying(self, environment: Path, url: str, console: str, token: str) -> None:
        """What to do with a demo that stays up."""
        self.say()
        self.say("It stays up until Ctrl-C. In a browser, for people:", "bold")
        self.say(f"  {console}")
        self.say(f"  sign in with {token}, and look for:")
        for account, shows in LINES:
            self.say(f"    {account:<10} {shows}")
        self.say("In another terminal:", "bold")
        for line in (
            f". {environment}",
            "contracts publish create acme --set contract_type=professional --wait",
            "contracts publish update acme --set changes.auto_renewal=false --wait",
            "contracts positions show",
        ):
            self.say(f"  {line}")
        self.say(f"Metrics are at {url}/metrics, readiness at {url}/readyz.")


def _sorted(rows: Rows) -> list[tuple[str, str]]:
    return [(name, f"{count:,}") for name, count in sorted(rows.items(), key=lambda row: (-row[1], row[0]))]


def _outcomes(outputs: Sequence[Expected]) -> Rows:
    results = (each.data for each in outputs if each.topic == "contracts.command-results")
    return Counter(
        f"rejected: {data['code']}" if data["outcome"] == "rejected" else data["outcome"] for data in results
    )


def _published(output: Expected) -> str:
    name = output.topic.removeprefix("contracts.")
    return f"{name}: {output.data['change']}" if name == "changed" else name


def _reason(output: Expected) -> str | None:
    return output.headers["dlq-reason"] if output.topic == "contracts.dead-letters" else None

"""Random logs of commands on one account, and ways to run them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from consumer.domain.decider import decide
from consumer.domain.model import Command, Verdict
from tests.unit.domain.asked import DAY, Entry, creates, entries, gaps, moments
from tests.unit.domain.catalogues import POLICY
from tests.unit.domain.invariants import check
from tests.unit.domain.story import command

YEAR = 365 * DAY

Log = list[Entry]
Scanner = Callable[["Run", datetime], Iterator[datetime]]


@st.composite
def logs(draw: st.DrawFn, *, longest: int = 10) -> Log:
    """A log that begins with a create; time stands still or passes between commands."""
    now = draw(moments)
    log: Log = [(now, "create", draw(creates(now)))]
    for _ in range(draw(st.integers(0, longest))):
        now += draw(gaps)
        log.append(draw(entries(now)))
    return log


@st.composite
def futures(draw: st.DrawFn, now: datetime, *, longest: int = 6) -> Log:
    """What may be asked of a contract from a moment on."""
    log: Log = []
    for _ in range(draw(st.integers(1, longest))):
        now += draw(gaps)
        log.append(draw(entries(now)))
    return log


@dataclass
class Run:
    """A log folded, with the scanner's commands in between."""

    contract: Any = None
    verdicts: list[tuple[datetime, Command, Verdict]] = field(default_factory=list)
    offset: int = 0

    def decide(self, now: datetime, sent: Command) -> None:
        verdict = decide(self.contract, sent, now, POLICY)
        self.verdicts.append((now, sent, verdict))
        self.contract = verdict.contract

    def advance(self, now: datetime) -> None:
        if self.contract is not None:
            data = {"contract_id": self.contract["contract_id"], "due_at": now}
            self.offset += 1
            self.decide(now, Command("advance", "acc-1", data, b"", "scanner", "", -self.offset))

    @property
    def events(self) -> list:
        return [event for _, _, verdict in self.verdicts for event in verdict.events]

    @property
    def outcomes(self) -> list:
        """What became of the commands, without the scanner's."""
        return [verdict.outcome for _, sent, verdict in self.verdicts if sent.name != "advance"]

    @property
    def looks(self) -> list[datetime]:
        """The moments at which somebody looked at the account."""
        return [now for now, _, _ in self.verdicts]


def run(log: Log, until: datetime, scanner: Scanner, *, checked: bool = False, contract: Any = None) -> Run:
    """Folds a log. The scanner runs as it likes in between, and once at the end, so that all is out."""
    folded = Run(contract)
    for offset, ((now, name, data), after) in enumerate(pairwise([*log, (until, "", {})])):
        before = folded.contract
        folded.decide(now, command(name, data, offset))
        if checked:
            check(before, now, folded.verdicts[-1][2])
        for moment in scanner(folded, now):
            if moment >= after[0]:
                break
            folded.advance(moment)
    folded.advance(until)
    return folded


def never(_run: Run, _now: datetime) -> Iterator[datetime]:
    """The scanner is down."""
    yield from ()


def in_time(folded: Run, _now: datetime) -> Iterator[datetime]:
    """The scanner runs at every moment at which something is due."""
    while folded.contract is not None and (due := folded.contract["lifecycle"]["next_action_at"]) is not None:
        yield due


def every(step: timedelta, times: int = 1) -> Scanner:
    """The scanner runs at a fixed pace, maybe several at once."""

    def scanner(_run: Run, now: datetime) -> Iterator[datetime]:
        while True:
            now += step
            for _ in range(times):
                yield now

    return scanner

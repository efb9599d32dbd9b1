"""Random logs of commands on one account, and ways to run them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from consumer.domain.decider import decide
from consumer.domain.model import Command, Decision, Policy
from tests.unit.domain.invariants import check
from tests.unit.domain.story import command

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
YEAR = 365 * DAY

Entry = tuple[datetime, str, dict]
Log = list[Entry]
Scanner = Callable[["Run", datetime], Iterator[datetime]]


def _some(**fields) -> st.SearchStrategy[dict]:
    return st.fixed_dictionaries({}, optional=fields)


moments = st.datetimes(datetime(2023, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
) | st.sampled_from([datetime(2024, 2, 29, tzinfo=UTC), datetime(2026, 1, 31, tzinfo=UTC)])
gaps = st.sampled_from(
    [timedelta(0), timedelta(milliseconds=1), HOUR, DAY, 3 * DAY, 20 * DAY, 40 * DAY, 100 * DAY, 400 * DAY]
)
ahead = st.sampled_from([1, 2, 10, 29, 31, 61, 91, 200, 365, 1200])
months = st.sampled_from([1, 2, 3, 6, 12, 120])
windows = st.lists(st.sampled_from([90, 60, 30, 14, 7, 2, 1]), max_size=7)
plans = st.sampled_from(["basic", "professional", "enterprise", "custom"])
money = st.sampled_from([0, 0.5, 99, 123.4567])

_terms = {
    "auto_renewal": st.booleans(),
    "term_months": months,
    "renewal_window_days": st.sampled_from([0, 1, 10, 30, 400]),
    "renewal_grace_days": st.sampled_from([0, 10, 30]),
    "notice_days": windows,
    "base_monthly_fee": money,
    "notes": st.text(max_size=5),
    "primary_contact": _some(name=st.just("Ada"), email=st.just("ada@example.com")),
    "tags": st.lists(st.sampled_from("abc"), unique=True, max_size=3),
    "metadata": st.dictionaries(st.sampled_from(["a", "b/~"]), st.text(max_size=2), max_size=2),
    "usage_limits": _some(
        max_concurrent_trades=st.integers(1, 5),
        max_trade_value=st.integers(1, 5),
        max_monthly_trades=st.sampled_from([1, 10, 20]),
    ),
    "usage_thresholds": st.lists(st.sampled_from([50, 80, 100, 120]), max_size=3),
    "add_ons": st.lists(
        st.fixed_dictionaries(
            {"name": st.sampled_from("xy"), "monthly_fee": money}, optional={"active": st.booleans()}
        ),
        max_size=2,
    ),
}
_overrides = _some(base_monthly_fee=money, features=st.just(["own"]), usage_limits=_terms["usage_limits"])


def _ends(now: datetime) -> st.SearchStrategy[datetime]:
    return ahead.map(lambda days: now + days * DAY)


def creates(now: datetime) -> st.SearchStrategy[dict]:
    return st.fixed_dictionaries(
        {"contract_type": plans, "usage_limits": _terms["usage_limits"], "base_monthly_fee": money},
        optional={
            **{
                name: values
                for name, values in _terms.items()
                if name not in {"usage_limits", "base_monthly_fee"}
            },
            "status": st.sampled_from(["draft", "active"]),
            "start_date": st.sampled_from([-300, -29, 0, 40]).map(lambda days: now + days * DAY),
            "end_date": _ends(now),
        },
    )


def _updates(now: datetime) -> st.SearchStrategy[dict]:
    changes = {name: values | st.none() for name, values in _terms.items()}
    changes |= {"end_date": _ends(now), "start_date": _ends(now), "currency": st.sampled_from(["EUR", "ABC"])}
    one_field = st.sampled_from(sorted(changes)).flatmap(
        lambda name: st.fixed_dictionaries({name: changes[name]})
    )
    return st.fixed_dictionaries({"changes": one_field | _some(**changes)})


def _renewals(now: datetime) -> st.SearchStrategy[dict]:
    return st.just({}) | _some(term_months=months) | _some(end_date=_ends(now + 100 * DAY))


def _reports(now: datetime) -> st.SearchStrategy[dict]:
    """Mostly of the running month or the last, sometimes of others."""
    months_ago = st.sampled_from([0, 0, 0, 1, 1, 2, -1])
    return st.fixed_dictionaries(
        {
            "period": months_ago.map(lambda ago: _month(now, ago)),
            "metric": st.sampled_from(["monthly_trades", "trade_value", "concurrent_trades"]),
            "value": st.sampled_from([0, 1, 3.5, 4, 5, 8, 9, 12, 24]),
        }
    )


def _month(now: datetime, ago: int) -> str:
    year, month = divmod(now.year * 12 + now.month - 1 - ago, 12)
    return f"{year:04d}-{month + 1:02d}"


_NAMES = (
    *("update",) * 5,
    *("report_usage",) * 3,
    *("renew", "change_plan", "cancel") * 2,
    "activate",
    "withdraw_plan_change",
    "withdraw_cancellation",
    "create",
    "erase",
    "delete",
)


@st.composite
def entries(draw: st.DrawFn, now: datetime) -> Entry:
    """Any command at a moment."""
    name = draw(st.sampled_from(_NAMES))
    data: dict[str, Any] = {}
    match name:
        case "create":
            data = draw(creates(now))
        case "update":
            data = draw(_updates(now))
        case "renew":
            data = draw(_renewals(now))
        case "change_plan":
            effective = st.sampled_from(["immediately", "at_renewal"])
            data = {"contract_type": draw(plans), "effective": draw(effective)} | draw(
                _some(overrides=_overrides)
            )
        case "report_usage":
            data = draw(_reports(now))
        case "cancel":
            data = {"effective": draw(st.sampled_from(["end_of_term", "end_of_term", "immediately"]))}
    return now, name, data


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
    decisions: list[tuple[datetime, Command, Decision]] = field(default_factory=list)
    offset: int = 0

    def decide(self, now: datetime, sent: Command) -> None:
        decision = decide(self.contract, sent, now, Policy())
        self.decisions.append((now, sent, decision))
        self.contract = decision.contract

    def advance(self, now: datetime) -> None:
        if self.contract is not None:
            data = {"contract_id": self.contract["contract_id"], "due_at": now}
            self.offset += 1
            self.decide(now, Command("advance", "acc-1", data, b"", "scanner", "", -self.offset))

    @property
    def events(self) -> list:
        return [event for _, _, decision in self.decisions for event in decision.events]

    @property
    def outcomes(self) -> list:
        """What became of the commands, without the scanner's."""
        return [decision.outcome for _, sent, decision in self.decisions if sent.name != "advance"]

    @property
    def looks(self) -> list[datetime]:
        """The moments at which somebody looked at the account."""
        return [now for now, _, _ in self.decisions]


def run(log: Log, until: datetime, scanner: Scanner, *, checked: bool = False, contract: Any = None) -> Run:
    """Folds a log. The scanner runs as it likes in between, and once at the end, so that all is out."""
    folded = Run(contract)
    for offset, ((now, name, data), after) in enumerate(pairwise([*log, (until, "", {})])):
        before = folded.contract
        folded.decide(now, command(name, data, offset))
        if checked:
            check(before, now, folded.decisions[-1][2])
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

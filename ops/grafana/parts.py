"""What a dashboard is made of, and how its queries are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

S: Final = 'job=~"$job", instance=~"$instance"'
"""The variables, in every selector."""

R: Final = "[$__rate_interval]"

FAILED: Final = 'result!="ok"'


@dataclass(frozen=True, slots=True)
class Panel:
    """`queries` are (PromQL, legend); `steps` are thresholds, upwards."""

    title: str
    description: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    kind: str = "timeseries"
    width: int = 8
    height: int = 8
    stacked: bool = False
    steps: tuple[float, ...] = ()
    low_is_bad: bool = False
    exemplars: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A heading."""

    title: str


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One file in dashboards/."""

    uid: str
    title: str
    description: str
    items: tuple[Panel | Row, ...]


def metric(name: str, more: str = "") -> str:
    """A selector with the variables."""
    return f"contracts_{name}{{{S}{', ' + more if more else ''}}}"


def rate(name: str, by: str, more: str = "") -> str:
    """Per second, by these labels."""
    return f"sum by ({by}) (rate({metric(name, more)}{R}))"


def total(name: str, more: str = "") -> str:
    """Per second, of all together."""
    return f"sum(rate({metric(name, more)}{R}))"


def now(name: str, more: str = "") -> str:
    """A gauge, of all together."""
    return f"sum({metric(name, more)})"


def quantile(share: float, name: str, by: str = "", more: str = "") -> str:
    """A quantile of a histogram."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, {rate(name + '_bucket', labels, more)})"


def quantiles(name: str) -> tuple[tuple[str, str], ...]:
    """The usual three."""
    return tuple(
        (quantile(share, name), label) for share, label in ((0.5, "half"), (0.95, "95 %"), (0.99, "99 %"))
    )


def stat(
    title: str,
    description: str,
    unit: str,
    expr: str,
    *steps: float,
    width: int = 4,
    low_is_bad: bool = False,
) -> Panel:
    """One number, coloured by its thresholds."""
    queries = ((expr, ""),)
    return Panel(title, description, unit, queries, "stat", width, 4, steps=steps, low_is_bad=low_is_bad)

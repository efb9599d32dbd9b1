"""What the benchmark prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.race import Measured

console = Console(width=120)


def tell(measured: Measured) -> None:
    """One run, in a line, as soon as it is done."""
    row = measured
    console.print(
        f"  {row.contender:<20} {row.per_second:>9,.0f}/s  CPU ms per 1,000: "
        f"client {row.cpu_client * 1000:,.0f}, broker {row.cpu_broker * 1000:,.0f}, "
        f"database {row.cpu_database * 1000:,.0f}; {row.memory:,.0f} MiB",
        highlight=False,
    )


def show_medians(title: str, medians: Mapping[str, Mapping[str, float]], titles: Mapping[str, str]) -> None:
    """A table of all contenders."""
    table = Table(title=f"{title}: medians", title_justify="left")
    table.add_column("contender")
    for column in ("commands/s", "CPU ms per 1,000: client", "broker", "database", "peak MiB"):
        table.add_column(column, justify="right")
    for name, figures in medians.items():
        table.add_row(
            titles.get(name, name),
            f"{figures['per_second']:,.0f}",
            *(f"{figures[f'cpu_{part}'] * 1000:,.0f}" for part in ("client", "broker", "database")),
            f"{figures['memory']:,.0f}",
        )
    console.print(table)


def show_rows(title: str, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """A table of anything: a row for each name, a column for each figure."""
    table = Table(title=title, title_justify="left")
    table.add_column("")
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    for column in columns:
        table.add_column(column.replace("_", " "), justify="right")
    for name, row in rows.items():
        table.add_row(name, *(_text(row.get(column, "")) for column in columns))
    console.print(table)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) or (isinstance(value, float) and abs(value) >= 1000):
        return f"{value:,.0f}"
    return f"{value:,.3g}" if isinstance(value, float) else str(value)

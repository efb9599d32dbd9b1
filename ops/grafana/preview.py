"""A dashboard as a picture: the queries of its panels, asked of a Prometheus, drawn where the panels stand.

For the documentation, where no Grafana runs. Grafana draws the same figures its own way.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import dates
from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter, MaxNLocator
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS: Final = 24
WIDTH: Final = 13.0
CELL: Final = 0.32
"""Inches of one unit of height."""
DPI: Final = 85
MARGIN: Final = 0.5
SHOWN: Final = 7
"""Series with a line in the legend; those that stay at zero have none."""
THOUSANDS: Final = 10_000
"""From here on they are counted in thousands."""
TINTS: Final = 160
GREY: Final = "#6b7280"
COLOURS: Final = {"green": "#2f855a", "yellow": "#b7791f", "red": "#c53030"}
LABEL: Final = re.compile(r"\{\{(\w+)\}\}")


class Series(NamedTuple):
    """What Prometheus tells of one set of labels: seconds since 1970, and values."""

    labels: Mapping[str, str]
    times: Sequence[float]
    values: Sequence[float]


def draw(dashboard: Mapping[str, Any], ask: Callable[[str], Sequence[Series]], to: Path) -> None:
    """Draw all panels of a dashboard as it stands in its JSON file.

    `ask` answers a query with the variables still in it.
    """
    panels = dashboard["panels"]
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    height = rows * CELL + MARGIN
    figure = plt.figure(figsize=(WIDTH, height), dpi=DPI)
    figure.text(0.012, 1 - 0.3 / height, dashboard["title"], fontsize=13, weight="bold", va="center")
    for panel in panels:
        place = panel["gridPos"]
        left, width = place["x"] / COLUMNS, place["w"] / COLUMNS
        top = 1 - (MARGIN + place["y"] * CELL) / height
        if panel["type"] == "row":
            figure.text(0.012, top - 0.6 * CELL / height, panel["title"], fontsize=11, color=GREY)
            continue
        _panel(
            figure, panel, (left, top - place["h"] * CELL / height, width, place["h"] * CELL / height), ask
        )
    figure.savefig(to)
    plt.close(figure)
    shrink(to)


def shrink(picture: Path) -> None:
    """Few colours are enough, and a third of the bytes."""
    with Image.open(picture) as whole:
        whole.convert("RGB").quantize(TINTS).save(picture, optimize=True)


def _panel(
    figure: Figure,
    panel: Mapping[str, Any],
    box: tuple[float, float, float, float],
    ask: Callable[[str], Sequence[Series]],
) -> None:
    left, bottom, width, height = box
    found = [
        (series, _legend(target["legendFormat"], series.labels))
        for target in panel["targets"]
        for series in ask(target["expr"])
    ]
    figure.text(left + 0.012, bottom + 0.93 * height, panel["title"], fontsize=9, weight="bold", va="top")
    if panel["type"] == "stat":
        axes = figure.add_axes((left + 0.012, bottom + 0.1 * height, width - 0.024, 0.25 * height))
        _stat(figure, axes, panel, found[0][0], (left + width / 2, bottom + 0.55 * height))
    else:
        axes = figure.add_axes((left + 0.042, bottom + 0.27 * height, width - 0.054, 0.53 * height))
        _lines(axes, panel, found)
        handles, names = axes.get_legend_handles_labels()
        place: Any = {"loc": "upper left", "bbox_to_anchor": (left + 0.005, bottom + 0.19 * height)}
        axes.legend(
            handles[:SHOWN],
            names[:SHOWN],
            **place,
            bbox_transform=figure.transFigure,
            fontsize=7,
            ncols=4,
            frameon=False,
            columnspacing=1.0,
            handlelength=1.0,
        )


def _legend(wanted: str, labels: Mapping[str, str]) -> str:
    return LABEL.sub(lambda name: labels.get(name[1], ""), wanted)


def _stat(
    figure: Figure, axes: Axes, panel: Mapping[str, Any], series: Series, middle: tuple[float, float]
) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    last = series.values[-1]
    colour = COLOURS["green"]
    for step in defaults.get("thresholds", {}).get("steps", ()):
        if step["value"] is None or last >= step["value"]:
            colour = COLOURS[step["color"]]
    text = shown(last, defaults["unit"])
    figure.text(*middle, text, fontsize=19, color=colour, ha="center", va="center")
    axes.fill_between(series.times, series.values, color=colour, alpha=0.25, linewidth=0)
    axes.set_ylim(bottom=0)
    axes.axis("off")


def _lines(axes: Axes, panel: Mapping[str, Any], found: Sequence[tuple[Series, str]]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    unit = defaults["unit"]
    busy = [(series, name) for series, name in found if any(series.values)] or [*found[:1]]
    busy.sort(key=lambda each: -max(each[0].values))
    moments = sorted({moment for series, _ in busy for moment in series.times})
    told = [datetime.fromtimestamp(moment, UTC) for moment in moments]
    rows = [_filled(series, moments) for series, _ in busy]
    if defaults["custom"]["stacking"]["mode"] == "normal":
        axes.stackplot(told, rows, labels=[name for _, name in busy], alpha=0.75)
    else:
        for (_, name), row in zip(busy, rows, strict=True):
            axes.plot(told, row, label=name, linewidth=1.2)
    for step in defaults.get("thresholds", {}).get("steps", ())[1:]:
        axes.axhline(step["value"], color=COLOURS[step["color"]], linewidth=0.8, linestyle="--")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(value, unit)))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_locator(dates.AutoDateLocator(minticks=2, maxticks=5))
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M:%S"))
    axes.tick_params(labelsize=7, colors=GREY)
    axes.grid(visible=True, color="#e5e7eb", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)


def _filled(series: Series, moments: Sequence[float]) -> list[float]:
    known = dict(zip(series.times, series.values, strict=True))
    return [known.get(moment, 0.0) for moment in moments]


def shown(value: float, unit: str) -> str:
    """A value in a unit of Grafana's, those that the dashboards use."""
    match unit:
        case "percentunit":
            return f"{100 * value:.4g} %"
        case "s" if 0 < value < 1:
            return f"{1000 * value:.3g} ms"
        case "s":
            return f"{value:.3g} s"
        case "bytes":
            return f"{value / 2**20:.3g} MiB"
        case "ops":
            return f"{value:.3g}/s"
        case _:
            return f"{value / 1000:.4g} K" if value >= THOUSANDS else f"{value:.5g}"

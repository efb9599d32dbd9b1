"""The pictures of docs/performance.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

from benchmarks.world import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Figures = Mapping[str, Any]

PICTURES: Final = ROOT / "docs" / "pictures"
OURS: Final = "#00897b"
OTHERS: Final = ("#b0bec5", "#78909c")
PERCENTILES: Final = ("p50", "p95", "p99")


def throughput(medians: Mapping[str, Figures], titles: Mapping[str, str]) -> str:
    """Commands a second of each contender but the one that only reads."""
    shown = [name for name in medians if name != "floor_reading"]
    figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
    bars = axes.barh(
        [titles[name] for name in shown],
        [medians[name]["per_second"] for name in shown],
        color=[OURS if name == "service" else OTHERS[0] for name in shown],
    )
    axes.bar_label(bars, fmt="{:,.0f}", padding=3)
    axes.invert_yaxis()
    return _kept(figure, axes, "commands/s", "throughput.png")


def variations(rows: Sequence[Figures]) -> str:
    """Commands a second of the service and its two peers on each of the other logs."""
    names = list(rows[0]["medians"])
    figure, axes = plt.subplots(figsize=(8, 0.55 * len(rows) + 1), layout="constrained")
    for number, name in enumerate(names):
        axes.barh(
            [place + 0.27 * number for place in range(len(rows))],
            [row["medians"].get(name, {}).get("per_second", 0) for row in rows],
            height=0.27,
            label=rows[0]["titles"][name],
            color=(OURS, *OTHERS)[number],
        )
    axes.set_yticks([place + 0.27 for place in range(len(rows))], [row["scenario"] for row in rows])
    axes.invert_yaxis()
    figure.legend(loc="outside upper center", ncols=len(names))
    return _kept(figure, axes, "commands/s", "variations.png")


def latency(rows: Mapping[str, Figures]) -> str:
    """Percentiles of each row, in milliseconds, on a scale of powers of ten."""
    figure, axes = plt.subplots(figsize=(8, 0.5 * len(rows) + 1), layout="constrained")
    for number, percentile in enumerate(PERCENTILES):
        axes.barh(
            [place + 0.27 * number for place in range(len(rows))],
            [row[f"{percentile}_ms"] for row in rows.values()],
            height=0.27,
            label=percentile,
        )
    axes.set_yticks([place + 0.27 for place in range(len(rows))], list(rows))
    axes.set_xscale("log")
    axes.set_xlim(left=1)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.invert_yaxis()
    figure.legend(loc="outside upper center", ncols=len(PERCENTILES))
    return _kept(figure, axes, "milliseconds", "latency.png")


def growth(timeline: Sequence[Figures]) -> str:
    """Commands done and memory of the service, while it stores the largest number of contracts."""
    seconds = [sample["seconds"] for sample in timeline]
    figure, (above, below) = plt.subplots(2, 1, figsize=(8, 4), sharex=True, layout="constrained")
    above.plot(seconds, [sample["commands"] / 1000 for sample in timeline], color=OURS)
    above.set_ylabel("commands, thousands")
    below.plot(seconds, [sample["service_mib"] for sample in timeline], color=OURS)
    below.set_ylim(bottom=0)
    below.set_ylabel("service, MiB")
    above.spines[["top", "right"]].set_visible(False)
    return _kept(figure, below, "seconds", "growth.png")


def _kept(figure: Any, axes: Any, unit: str, name: str) -> str:
    axes.set_xlabel(unit)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(PICTURES / name, dpi=120, metadata={"Software": None})
    plt.close(figure)
    return f"pictures/{name}"

"""`python -m benchmarks.page`: docs/performance.md and its plots, from benchmarks/results/latest.json."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

from benchmarks.world import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PAGE: Final = ROOT / "docs" / "performance.md"
PICTURES: Final = ROOT / "docs" / "pictures"
PARTS: Final = ("client", "broker", "database")

TEXT: Final = """\
# Performance

Made by `python -m benchmarks.page` from
[benchmarks/results/latest.json](../benchmarks/results/latest.json), which is what `make bench-quick`, `make
bench` or `make bench ARGS=--full` measured last. Read the ratios: all contenders of a table ran in turn on
the same servers and the same log, {rounds} times, and the figures are medians. Another machine has other
figures, and much the same ratios.

{machine}

## The whole job beside less of it

{commands:,} updates and creations for {accounts:,} accounts, {partitions} partitions, one process each; the
backlog is there before the first record is read.

![Commands a second]({throughput})

{compared}

What each does for a command:

{does}

## Ratios

{ratios}

- **connect_sink**: our speed divided by the Connect sink's. The sink stores each record as it comes, at
  least once: no rules, no history, no events, no position. It does a third of the work, on the JVM, on all
  cores; ours is one Python process.
- **faststream_batch**: divided by a consumer written by hand with FastStream's batches and one bulk write
  for a batch, with the same schemas and the same rules, and with neither history, dedupe, results, nor
  exactly once.
- **faststream_single**: divided by the same, one message at a time with a safe acknowledgement: what most
  people write first.

### Why not faster

Every command costs the client {client:.0f} µs, the broker {broker:.0f} µs and the database {database:.0f}
µs of CPU: on the {cores} cores here that all of them share, no more than {ceiling:,.0f} commands/s could
come out of it if no core ever waited. The MongoDB writes of the job alone, recorded and sent again as ready
BSON by one client that does nothing else, reach {floor:,.0f}/s and cost the database {floor_database:.0f}
µs. To be three times as fast as the batch consumer, the client, the broker and the database together could
spend {triple:.0f} µs on a command, so that target is out of reach on this machine with any client.
"""

LATENCY: Final = """
## Latency

From the record's timestamp in the command topic until a `read_committed` consumer sees the result, with
every commit synced to disk; capacity {capacity:,.0f} commands/s so measured. The load generator and the
watching consumer run on the same {cores} cores.

![Latency]({picture})

{rows}

**latency_p50_over_floor** is the median for one command alone, divided by the medians of a bare MongoDB
transaction and a bare Kafka transaction added up.
"""


def main() -> None:
    """Write the page and its plots."""
    found = json.loads((ROOT / "benchmarks" / "results" / "latest.json").read_text())
    compared = found["compare"]
    medians, titles = compared["medians"], compared["titles"]
    service, writing = medians["service"], medians["floor_writing"]
    cores = found["machine"]["cores"]
    spent = sum(service[f"cpu_{part}"] for part in PARTS)
    text = TEXT.format(
        machine=_table(("", ""), _facts(found)),
        throughput=_throughput(medians, titles),
        compared=_table(
            ("", "commands/s", *(f"{part} CPU, µs a command" for part in PARTS), "peak MiB"),
            (_figures(titles[name], row) for name, row in medians.items()),
        ),
        does=_table(("", ""), ((titles[name], does) for name, does in compared["does"].items())),
        ratios=_table(("", ""), ((name, f"{value:.2f}") for name, value in found["ratios"].items())),
        cores=cores,
        ceiling=cores / spent * 1000,
        floor=writing["per_second"],
        floor_database=1e6 * writing["cpu_database"] / 1000,
        triple=cores / (3 * medians["faststream_batch"]["per_second"]) * 1e6,
        **{part: 1e6 * service[f"cpu_{part}"] / 1000 for part in PARTS},
        **{name: compared[name] for name in ("commands", "accounts", "partitions", "rounds")},
    )
    PAGE.write_text(text + _latency(found.get("latency"), cores))
    print(f"wrote {PAGE.relative_to(ROOT)}")


def _facts(found: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for name, value in {**found["machine"], **found["servers"], **found["versions"]}.items():
        yield name.replace("_", " "), str(value)


def _figures(title: str, row: Mapping[str, float]) -> tuple[str, ...]:
    spent = (f"{1e6 * row[f'cpu_{part}'] / 1000:,.0f}" for part in PARTS)
    return (title, f"{row['per_second']:,.0f}", *spent, f"{row['memory']:,.0f}")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *("---:" if len(head) > 2 else "---" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _throughput(medians: Mapping[str, Mapping[str, float]], titles: Mapping[str, str]) -> str:
    shown = [name for name in medians if name != "floor_reading"]
    figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
    bars = axes.barh(
        [titles[name] for name in shown],
        [medians[name]["per_second"] for name in shown],
        color=["#00897b" if name == "service" else "#b0bec5" for name in shown],
    )
    axes.bar_label(bars, fmt="{:,.0f}", padding=3)
    return _kept(figure, axes, "commands/s", "throughput.png")


def _latency(found: Mapping[str, Any] | None, cores: int) -> str:
    if found is None:
        return ""
    rows = found["rows"]
    figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
    for offset, percentile in enumerate(("p99", "p95", "p50")):
        axes.barh(
            [place + 0.25 * offset for place in range(len(rows))],
            [row[f"{percentile}_ms"] for row in rows.values()],
            height=0.25,
            label=percentile,
        )
    axes.set_yticks([place + 0.25 for place in range(len(rows))], list(rows))
    axes.legend()
    picture = _kept(figure, axes, "milliseconds", "latency.png")
    table = _table(
        ("", "p50 ms", "p95 ms", "p99 ms"),
        (
            (name, *(f"{row[f'{percentile}_ms']:,.1f}" for percentile in ("p50", "p95", "p99")))
            for name, row in rows.items()
        ),
    )
    return LATENCY.format(capacity=found["capacity"], cores=cores, picture=picture, rows=table)


def _kept(figure: Any, axes: Any, unit: str, name: str) -> str:
    axes.invert_yaxis()
    axes.set_xlabel(unit)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(PICTURES / name, dpi=120, metadata={"Software": None})
    plt.close(figure)
    return f"pictures/{name}"


if __name__ == "__main__":
    main()

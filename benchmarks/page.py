"""`python -m benchmarks.page`: docs/performance.md and its plots, from benchmarks/results/latest.json."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from benchmarks import plots
from benchmarks.world import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PAGE: Final = ROOT / "docs" / "performance.md"
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
µs.

- To be as fast as the sink, the three together could spend {as_sink:.0f} µs on a command. What the broker and
  the database need, also for the history, the events and the results that the sink does not write, leaves
  {left:.0f} µs of that to the client, where ours decodes, decides and encodes in Python, for {client:.0f}.
- To be three times as fast as the batch consumer they could spend {triple:.0f} µs: out of reach on this
  machine with any client.
"""

VARIED: Final = """
## Other logs, partitions and processes

Each is the comparison above with one thing changed, run once. A peer without a figure could not be asked for
it on equal terms.

![Commands a second]({picture})

{rows}
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

Under load a command waits until its partition's last batch is stored, is stored with the next one, and is
published. A batch costs the three processes together some 10 ms of CPU whatever it holds, and each of its
commands what it costs at full speed: four partitions keep the {cores} cores and the database's locks busy
long before the capacity is reached. Where the time goes, and what was tried, is in
[decision 3](decisions/0003-levers.md).
"""

ALONE: Final = """
The same accounts again and again are as fast among many as among few, for what a process wrote it remembers.
Commands spread over all of them must each read their contract first, and update one that nobody touched
lately. That is the database's work: one client that does nothing else, in transactions of 1,000, reads and
updates {many:,.0f} contracts/s among the many and {few:,.0f} among the few, {ratio:.2f} times as many.
"""

SCALE: Final = """
## Many contracts, and a million commands

Updates spread over all stored contracts, or over the same few; a scan that finds the same number of contracts
due among all of them.

{rows}
{floor}
While the largest number was being stored, one command each, the service's memory went from {first} MiB, after
a fifth of the time, to {last} at the end, {most} at most:

![Commands and memory]({picture})

{starts}
"""


def main() -> None:
    """Write the page and its plots."""
    found = json.loads((ROOT / "benchmarks" / "results" / "latest.json").read_text())
    compared = found["compare"]
    medians, titles = compared["medians"], compared["titles"]
    service, writing = medians["service"], medians["floor_writing"]
    cores = found["machine"]["cores"]
    spent = sum(service[f"cpu_{part}"] for part in PARTS)
    as_sink = 1e6 * cores / medians["connect_sink"]["per_second"]
    text = TEXT.format(
        machine=_table(("", ""), _facts(found)),
        throughput=plots.throughput(medians, titles),
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
        as_sink=as_sink,
        left=as_sink - 1e6 * (service["cpu_broker"] + service["cpu_database"]) / 1000,
        triple=cores / (3 * medians["faststream_batch"]["per_second"]) * 1e6,
        **{part: 1e6 * service[f"cpu_{part}"] / 1000 for part in PARTS},
        **{name: compared[name] for name in ("commands", "accounts", "partitions", "rounds")},
    )
    parts = {
        "compare": text,
        "vary": _varied(found.get("vary")),
        "latency": _latency(found.get("latency"), cores),
        "scale": _scale(found.get("scale")),
    }
    PAGE.write_text("".join(part + _measured(found, name) for name, part in parts.items()))
    print(f"wrote {PAGE.relative_to(ROOT)}")


def _measured(found: Mapping[str, Any], part: str) -> str:
    """Where a part is from, if from another run than the rest."""
    of = found.get("measured", {}).get(part)
    return f"\nMeasured in another run, at {of['measured_at']}, commit {of['commit']}.\n" if of else ""


def _facts(found: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for name, value in {**found["machine"], **found["servers"], **found["versions"]}.items():
        yield name.replace("_", " "), str(value)


def _figures(title: str, row: Mapping[str, float]) -> tuple[str, ...]:
    spent = (f"{1e6 * row[f'cpu_{part}'] / 1000:,.0f}" for part in PARTS)
    return (title, f"{row['per_second']:,.0f}", *spent, f"{row['memory']:,.0f}")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *("---:" if len(head) > 2 else "---" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _varied(rows: Sequence[Mapping[str, Any]] | None) -> str:
    if not rows:
        return ""
    names = list(rows[0]["medians"])
    return VARIED.format(
        picture=plots.variations(rows),
        rows=_table(
            ("", *(f"{rows[0]['titles'][name]}, commands/s" for name in names), "service, peak MiB"),
            (
                (
                    row["scenario"],
                    *(_speed(row["medians"].get(name)) for name in names),
                    f"{row['medians']['service']['memory']:,.0f}",
                )
                for row in rows
            ),
        ),
    )


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,g}"


def _speed(row: Mapping[str, float] | None) -> str:
    return f"{row['per_second']:,.0f}" if row else ""


def _latency(found: Mapping[str, Any] | None, cores: int) -> str:
    if found is None:
        return ""
    rows = found["rows"]
    table = _table(
        ("", *(f"{percentile} ms" for percentile in plots.PERCENTILES)),
        (
            (name, *(f"{row[f'{percentile}_ms']:,.1f}" for percentile in plots.PERCENTILES))
            for name, row in rows.items()
        ),
    )
    return LATENCY.format(capacity=found["capacity"], cores=cores, picture=plots.latency(rows), rows=table)


def _scale(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return ""
    rows = found["rows"]
    columns = list(next(iter(rows.values())))
    memory = [sample["service_mib"] for sample in found["timeline"]]
    return SCALE.format(
        rows=_table(
            ("", *columns),
            ((name, *(_figure(row[column]) for column in columns)) for name, row in rows.items()),
        ),
        floor=_alone(list(rows.values())),
        picture=plots.growth(found["timeline"]),
        first=memory[len(memory) // 5],
        last=memory[-1],
        most=max(memory),
        starts=_table(("", "seconds"), ((name, f"{value:,.2f}") for name, value in found["starts"].items())),
    )


def _alone(rows: Sequence[Mapping[str, float]]) -> str:
    """What the database by itself says to the difference between few contracts and many."""
    column = "contracts/s, database alone"
    few, many = rows[0].get(column), rows[-1].get(column)
    return "" if few is None or many is None else ALONE.format(few=few, many=many, ratio=many / few)


if __name__ == "__main__":
    main()

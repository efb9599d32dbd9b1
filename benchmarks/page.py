"""`python -m benchmarks.page`: docs/performance.md and its plots, from benchmarks/results/latest.json."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from benchmarks import goals, plots
from benchmarks.page_texts import ALONE, GOALS, LATENCY, PARTITIONS, READS, SCALE, TAKEOVER, TEXT, VARIED
from benchmarks.world import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PAGE: Final = ROOT / "docs" / "performance.md"


def main() -> None:
    """Write the page and its plots."""
    found = json.loads((ROOT / "benchmarks" / "results" / "latest.json").read_text())
    compared = found["compare"]
    medians, titles = compared["medians"], compared["titles"]
    service, writing = medians["service"], medians["floor_writing"]
    cores = found["machine"]["cores"]
    spent = goals.cost(service, *goals.PARTS)
    as_sink = 1e6 * cores / medians["connect_sink"]["per_second"]
    text = TEXT.format(
        machine=_table(("", ""), _facts(found)),
        throughput=plots.throughput(medians, titles),
        compared=_table(
            ("", "commands/s", *(f"{part} CPU, µs a command" for part in goals.PARTS), "peak MiB"),
            (_figures(titles[name], row) for name, row in medians.items()),
        ),
        does=_table(("", ""), ((titles[name], does) for name, does in compared["does"].items())),
        ratios=_table(("", ""), ((name, f"{value:.2f}") for name, value in found["ratios"].items())),
        cores=cores,
        ceiling=1e6 * cores / spent,
        floor=writing["per_second"],
        floor_database=goals.cost(writing, "database"),
        as_sink=as_sink,
        others=goals.cost(service, "broker", "database"),
        triple=cores / (3 * medians["faststream_batch"]["per_second"]) * 1e6,
        **{part: goals.cost(service, part) for part in goals.PARTS},
        **{name: compared[name] for name in ("commands", "accounts", "partitions", "rounds")},
    )
    parts = {
        "compare": text,
        "goals": GOALS.format(rows=_table(("", "wanted", "measured", "state"), goals.rows(found))),
        "vary": _varied(found.get("vary")),
        "partitions": _partitions(found.get("partitions")),
        "latency": _latency(found.get("latency"), cores),
        "takeover": _takeover(found.get("takeover")),
        "reads": _reads(found.get("reads")),
        "scale": _scale(found.get("scale")),
    }
    PAGE.write_text("".join(part + _measured(found, name) for name, part in parts.items()))
    print(f"wrote {PAGE.relative_to(ROOT)}")


def _measured(found: Mapping[str, Any], part: str) -> str:
    """Where a part is from, if not all are of one run."""
    again = found.get("measured", {})
    if not again or part not in found:
        return ""
    of = again.get(part, found["machine"])
    which = "another run" if part in again else "the run of the machine above"
    return f"\nMeasured in {which}, at {of['measured_at']}, commit {of['commit']}.\n"


def _facts(found: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for name, value in {**found["machine"], **found["servers"], **found["versions"]}.items():
        yield name.replace("_", " "), str(value)


def _figures(title: str, row: Mapping[str, float]) -> tuple[str, ...]:
    spent = (f"{goals.cost(row, part):,.0f}" for part in goals.PARTS)
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


def _partitions(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return ""
    columns = ("p50_ms", "p95_ms", "p99_ms", "cores", "memory")
    head = ("", *(column.replace("_", " ") for column in columns[:-1]), "service, MiB")
    rows = ((name, *(_figure(row[column]) for column in columns)) for name, row in found["rows"].items())
    return PARTITIONS.format(rows=_table(head, rows))


def _takeover(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return ""
    rows = found["rows"]
    columns = list(next(iter(rows.values())))
    return TAKEOVER.format(
        rows=_table(("", *columns), ((name, *(f"{row[c]:g}" for c in columns)) for name, row in rows.items()))
    )


def _reads(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return ""
    columns = ("answered_per_second", "p50_ms", "p95_ms", "p99_ms", "cores_api", "cores_database", "memory")
    head = ("", *(column.replace("_", " ") for column in columns[:-1]), "API, MiB")
    rows = ((name, *(_figure(row[column]) for column in columns)) for name, row in found["rows"].items())
    return READS.format(rows=_table(head, rows), ratio=found["idle"]["ratio"])


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

"""The README's row of speeds is what the benchmark measured last."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def test_the_readme_has_the_speeds_of_the_last_benchmark() -> None:
    found: dict[str, Any] = json.loads((ROOT / "benchmarks/results/latest.json").read_text())
    medians = found["compare"]["medians"]
    ours, sink, batches, single = (
        f"{medians[name]['per_second']:,.0f}"
        for name in ("service", "connect_sink", "faststream_batch", "faststream_single")
    )
    row = f"| {ours} | {sink} | {batches} in batches, {single} one by one |"
    assert row in (ROOT / "README.md").read_text()

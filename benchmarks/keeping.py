"""The figures of a run as JSON, beside those that an earlier run measured."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

PARTS: Final = (
    *("client", "compare", "vary", "latency", "partitions", "drivers", "usage", "states", "traces"),
    *("takeover", "reads", "scale"),
)
RATIOS: Final = ("connect_sink", "faststream_batch", "faststream_single")


def keep(
    target: Path, wanted: Collection[str], earlier: dict[str, Any] | None, found: dict[str, Any]
) -> None:
    """Writes it beside an earlier run until all `wanted` parts are there: a failure loses none."""
    if earlier is not None and not set(found) >= set(wanted):
        found = together(earlier, found)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(found, indent=1) + "\n")


def together(kept: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Some parts measured again, beside those kept from an earlier run: each says where it is from."""
    measured: dict[str, Any] = {part: found[part] for part in PARTS if part in found}
    since = dict(kept.get("measured", {}))
    for part in measured:
        since[part] = {name: found["machine"][name] for name in ("measured_at", "commit")}
    merged: dict[str, Any] = {**kept, **measured, "measured": since}
    return {**merged, "ratios": ratios(merged)}


def ratios(found: dict[str, Any]) -> dict[str, float]:
    """The figures that targets are set for."""
    compared = found.get("compare", {}).get("ratios", {})
    result = {name: compared[name] for name in RATIOS if name in compared}
    if "latency" in found:
        result["latency_p50_over_floor"] = found["latency"]["ratio"]
    if "usage" in found:
        result["usage_over_updates"] = found["usage"]["ratio"]
    if "traces" in found:
        result |= found["traces"]["ratios"]
    if "reads" in found:
        result["listener_idle_over_off"] = found["reads"]["idle"]["ratio"]
    return {**result, **found.get("scale", {}).get("ratios", {})}

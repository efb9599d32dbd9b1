"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmarks.contenders.connect import CONNECTOR_VERSION
from benchmarks.world import ROOT

PACKAGES: Final = (
    "aiokafka",
    "confluent-kafka",
    "faststream",
    "motor",
    "orjson",
    "pydantic",
    "pymongo",
    "uvloop",
)


def machine() -> dict[str, str | int | float]:
    """Processor, memory, systems, and how busy it was before the benchmark began."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "java": _first_line("java", "-version"),
        "load_before": round(os.getloadavg()[0], 2),
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _first_line("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"),
    }


def versions() -> dict[str, str]:
    """The libraries."""
    return {name: version(name) for name in PACKAGES} | {"mongo-kafka-connect": CONNECTOR_VERSION}


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "none"
    return next(iter((done.stdout or done.stderr).splitlines()), "none")

"""CPU time and memory of processes, from Linux's /proc."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, its ended threads included."""
    # The name, in parentheses, may hold anything; what follows is numbers.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mib(pid: int, name: str = "VmHWM") -> float:
    """Resident memory: the peak so far, or with `VmRSS` now."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(f"process {pid} has ended")


class Cpu(NamedTuple):
    """CPU seconds used by each part."""

    client: float
    broker: float
    database: float

    @classmethod
    def of(cls, clients: list[int], broker: int, database: int) -> Cpu:
        """What the processes have used so far."""
        return cls(sum(map(cpu_seconds, clients)), cpu_seconds(broker), cpu_seconds(database))

    def since(self, before: Cpu) -> Cpu:
        """What was used from then to now."""
        return Cpu(*(now - then for now, then in zip(self, before, strict=True)))

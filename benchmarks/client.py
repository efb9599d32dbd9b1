"""`python -m benchmarks.client`: the client's CPU a command without driver and sockets, beside other trees.

What a lever of the hot path gives is a few microseconds, less than runs against servers differ by.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from benchmarks.report import show_rows
from benchmarks.world import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM: Final = ROOT / "benchmarks" / "contenders" / "apps" / "hot_path.py"
ROOMS: Final = {"contracts remembered": 64 << 20, "every contract read": 0}
"""Bytes for the contracts that a process remembers: all of them, or none."""


def client(rounds: int, others: Sequence[Path], commands: int) -> dict[str, dict[str, float]]:
    """Medians of microseconds a command by stage; the trees take turns, as the machine's mood changes."""
    found: dict[str, list[dict[str, float]]] = {}
    for _ in range(rounds):
        for name, room in ROOMS.items():
            for tree in (*others, ROOT):
                row = name if tree == ROOT else f"{name}, {tree.name}"
                found.setdefault(row, []).append(_once(tree, room, commands))
    rows = {
        row: {f"{stage}_us": median(run[stage] for run in runs) for stage in runs[0]}
        for row, runs in found.items()
    }
    show_rows("client CPU a command, without driver and sockets", rows)
    return rows


def _once(tree: Path, room: int, commands: int) -> dict[str, float]:
    ran = subprocess.run(
        [sys.executable, str(PROGRAM), "--commands", str(commands), "--room", str(room)],
        env=os.environ | {"PYTHONPATH": str(tree)},
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise RuntimeError(f"{PROGRAM.name} failed in {tree}:\n{ran.stderr}")
    measured: dict[str, float] = json.loads(ran.stdout)
    return measured


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.client", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--commands", type=int, default=20_000)
    parser.add_argument("--beside", type=Path, action="append", default=[], metavar="TREE")
    given = parser.parse_args()
    client(given.rounds, [tree.resolve() for tree in given.beside], given.commands)


if __name__ == "__main__":
    main()

"""`python -m benchmarks.client`: the client's CPU a command without driver and sockets, beside other trees.

What a lever of the hot path gives is a few microseconds, less than runs against servers differ by.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from contextlib import ExitStack, suppress
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


WARM_UP: Final = 4
"""Batches that do not count."""


def client(commands: int, others: Sequence[Path]) -> dict[str, dict[str, float]]:
    """Medians of microseconds a command by stage, and of the total's ratio to the first tree's.

    The trees take turns batch by batch: what the machine does to one it does to all.
    """
    trees = [*others, ROOT]
    rows = {}
    for name, room in ROOMS.items():
        batches = _in_turn(trees, room, commands)[WARM_UP:]
        for number, tree in enumerate(trees):
            runs = [batch[number] for batch in batches]
            row = {f"{stage}_us": median(run[stage] for run in runs) for stage in runs[0]}
            total = [sum(run.values()) for run in runs]
            first = [sum(batch[0].values()) for batch in batches]
            ratio = median(mine / its for mine, its in zip(total, first, strict=True))
            rows[f"{name}, {tree.name}"] = {"total_us": median(total), **row, "ratio": round(ratio, 3)}
    show_rows("client CPU a command, without driver and sockets", rows)
    return rows


def _in_turn(trees: Sequence[Path], room: int, commands: int) -> list[list[dict[str, float]]]:
    """For each batch, what every tree took for it."""
    with ExitStack() as stack:
        programs = [stack.enter_context(_started(tree, room, commands)) for tree in trees]
        return [*iter(lambda: [_batch(program) for program in programs], [{}] * len(trees))]


def _started(tree: Path, room: int, commands: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), "--commands", str(commands), "--room", str(room)],
        env=os.environ | {"PYTHONPATH": str(tree)},
        cwd=tree,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    )


def _batch(program: subprocess.Popen[bytes]) -> dict[str, float]:
    """Lets it do one batch; nothing when the log is worked off."""
    if program.stdin is None or program.stdout is None:
        raise RuntimeError("no pipes")
    with suppress(BrokenPipeError):
        program.stdin.write(b"\n")
    line = program.stdout.readline()
    if not line and program.wait():
        raise RuntimeError(f"{PROGRAM.name} failed: see above")
    measured: dict[str, float] = json.loads(line or b"{}")
    return measured


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.client", description=__doc__)
    parser.add_argument("--commands", type=int, default=20_000)
    parser.add_argument("--beside", type=Path, action="append", default=[], metavar="TREE")
    given = parser.parse_args()
    client(given.commands, [tree.resolve() for tree in given.beside])


if __name__ == "__main__":
    main()

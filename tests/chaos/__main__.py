"""Chaos: workers, brokers, databases and lines fail as drawn from a seed, and after each round all is compared.

    python -m tests.chaos --rounds 200 --seed 7

The last line counts what the checker found: `rounds=200 lost=0 duplicated=0 reordered=0 diverged=0`.
With anything found, or a service that does not come back, the exit code is 1 and the schedule is printed.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from random import randrange

from devstack.mongo import find_secantus_rust
from devstack.proof.checker import NotDone
from devstack.proof.verdict import KINDS
from tests.chaos.arena import Arena, Broken
from tests.chaos.schedule import draw

ROUNDS_IN_AN_EPOCH = 10


def main() -> int:
    """Plays the rounds; the exit code."""
    arguments = _arguments()
    mongo = arguments.mongo or ("secantus-rs" if find_secantus_rust() else "secantus")
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    print(f"seed {arguments.seed}, {mongo}, logs in {folder}", flush=True)
    totals: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
    played, failure = 0, ""
    with closing(Arena(folder, mongo)) as arena:
        try:
            for number in range(1, arguments.rounds + 1):
                if number % ROUNDS_IN_AN_EPOCH == 1:
                    arena.begin_epoch(arguments.seed + number)
                failure = _play(arena, arguments.seed, number, totals)
                played = number
                if failure:
                    break
        except KeyboardInterrupt:
            failure = "interrupted"
        print(
            f"faults: {dict(sorted(arena.hurt.items()))}; workers that ended by themselves: {arena.revived}"
        )
    if failure:
        print(f"FAILED: {failure}\nagain: python -m tests.chaos --seed {arguments.seed} --rounds {played}")
    else:
        shutil.rmtree(folder)
    print(f"rounds={played} " + " ".join(f"{kind}={totals[kind]}" for kind in KINDS), flush=True)
    return 1 if failure else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=randrange(10**6), help="what to draw from; default: any")
    parser.add_argument(
        "--mongo", choices=["secantus", "secantus-rs"], help="default: the Rust one, if there"
    )
    return parser.parse_args()


def _play(arena: Arena, seed: int, number: int, totals: Counter[str]) -> str:
    """One round; why it failed, or nothing."""
    round_ = draw(seed, number)
    began = time.monotonic()
    try:
        caught_up = arena.play(round_)
        verdict = arena.check()
    except (Broken, NotDone) as error:
        print(f"round {number}: {round_}\n  {error}", flush=True)
        return f"round {number}: {type(error).__name__}"
    totals.update(verdict.counts)
    took = time.monotonic() - began
    print(
        f"round {number}: {round_}; caught up in {caught_up:.1f} s of {took:.1f} s; "
        f"{verdict.commands} commands: {verdict.line()}",
        flush=True,
    )
    if verdict.ok:
        return ""
    print(verdict, flush=True)
    return f"round {number}: {verdict.line()}"


if __name__ == "__main__":
    sys.exit(main())

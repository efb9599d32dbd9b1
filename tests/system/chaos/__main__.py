"""Chaos: workers, servers, lines and clocks fail as drawn from a seed, and after each round all is compared.

    make chaos ROUNDS=200 SEED=7
    make chaos SOAK=30 SEED=7        for half an hour, with worker A alive throughout: does it grow?
    make chaos BROKERS=3 SEED=7      on a cluster, one of its brokers hurt at a time

The last line counts what the checker found: `rounds=200 lost=0 duplicated=0 reordered=0 diverged=0`.
With anything found, or a service that does not come back, the exit code is 1. Each failure is printed
with its schedule and the command that plays it again: the same faults, commands and moments; how
processes and servers happen to interleave is the machine's.
"""

import argparse
import logging
import shutil
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from random import randrange

from devstack.cluster import NODES
from devstack.errors import ServerError
from devstack.mongo import find_secantus_rust
from devstack.proof.verdict import KINDS
from devstack.proof.watched import NotDone
from tests.system.chaos import soak
from tests.system.chaos.arena import Arena
from tests.system.chaos.schedule import Round, draw
from tests.system.chaos.slots import Broken

ROUNDS_IN_AN_EPOCH = 10


class Tally:
    """What came of the rounds so far."""

    def __init__(self) -> None:
        self.checked = 0
        self.failed: list[int] = []
        self.found: Counter[str] = Counter()

    def __str__(self) -> str:
        return f"rounds={self.checked} " + " ".join(f"{kind}={self.found[kind]}" for kind in KINDS)


def main() -> int:
    """Plays what the command line says; the exit code."""
    arguments = _arguments()
    mongo = arguments.mongo or ("secantus-rs" if find_secantus_rust() else "secantus")
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # the sender tries again
    print(f"seed {arguments.seed}, {arguments.brokers} brokers, {mongo}, logs in {folder}", flush=True)
    with closing(Arena(folder, mongo, arguments.brokers)) as arena:
        if arguments.soak:
            return soak.play(arena, arguments.seed, arguments.soak * 60)
        tally = play(arena, arguments.seed, arguments.first, arguments.rounds)
    if not tally.failed:
        shutil.rmtree(folder)
    return 1 if tally.failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.system.chaos", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--rounds", type=int, default=15, help="how many (default: %(default)s)")
    parser.add_argument("--first", type=int, default=1, help="number of the first one (default: 1)")
    parser.add_argument("--seed", type=int, default=randrange(10**6), help="what to draw from; default: any")
    parser.add_argument("--soak", type=float, default=0, metavar="MINUTES", help="instead: for so long")
    parser.add_argument("--brokers", type=int, choices=[1, NODES], default=1, help="default: %(default)s")
    parser.add_argument(
        "--mongo", choices=["secantus", "secantus-rs"], help="default: the Rust one, if there"
    )
    return parser.parse_args()


def play(arena: Arena, seed: int, first: int, rounds: int) -> Tally:
    """Plays rounds and tells of each; a failed one is followed by new topics, database and workers."""
    tally = Tally()
    anew = True
    for number in range(first, first + rounds):
        epoch, place = divmod(number - 1, ROUNDS_IN_AN_EPOCH)
        round_ = draw(seed, number, brokers=arena.brokers.count)
        try:
            if anew or not place:
                arena.begin_epoch(seed + epoch)
            anew = not _play(arena, round_, tally)
        except (Broken, NotDone, ServerError) as error:
            print(f"round {number}: {round_}\n  {type(error).__name__}: {error}", flush=True)
            anew = True
        if anew:
            tally.failed.append(number)
            _tell_how_to_repeat(seed, number, place, arena.brokers.count)
    print(arena)
    print(f"failed rounds: {tally.failed or 'none'}\n{tally}", flush=True)
    return tally


def _play(arena: Arena, round_: Round, tally: Tally) -> bool:
    began = time.monotonic()
    caught_up = arena.play(round_)
    verdict = arena.check()
    took = time.monotonic() - began
    tally.checked += 1
    tally.found.update(verdict.counts)
    print(
        f"round {round_.number}: {round_}; caught up in {caught_up:.1f} s of {took:.1f} s; "
        f"{verdict.commands} commands: {verdict.line()}",
        flush=True,
    )
    if not verdict.ok:
        print(verdict, flush=True)
    return verdict.ok


def _tell_how_to_repeat(seed: int, number: int, place: int, brokers: int) -> None:
    command = f"make chaos SEED={seed}" + (f" BROKERS={brokers}" if brokers > 1 else "")
    print(f"FAILED: {number}. Again: {command} FIRST={number} ROUNDS=1", flush=True)
    if place:
        print(f"  with the rounds before it: {command} FIRST={number - place} ROUNDS={place + 1}", flush=True)


if __name__ == "__main__":
    sys.exit(main())

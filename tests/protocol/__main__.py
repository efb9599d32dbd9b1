"""Explores the takeover of partitions at length.

    python -m tests.protocol --runs 400000 --seed 1
    python -m tests.protocol --runs 20000 --mutant "do not look again"

Exit code 1 if the protocol is breached, or if a mutant is not found. A breach is told by the fewest actions
that lead to it; the same seed gives the same run.
"""

import argparse
import sys
import time

from tests.protocol.explore import find, search, told
from tests.protocol.plans import COURSES
from tests.protocol.rules import COURSE, MUTANTS


def main() -> int:
    """Runs as the command line says; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.protocol", description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=20_000, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="the first one (default: %(default)s)")
    parser.add_argument("--course", choices=[*COURSES], help="one kind of run only")
    parser.add_argument("--mutant", choices=[*MUTANTS], help="a rule to leave out")
    arguments = parser.parse_args()
    seeds, began = range(arguments.seed, arguments.seed + arguments.runs), time.process_time()
    if arguments.mutant:
        return _mutant(arguments.mutant, seeds)
    found = search(seeds, course=arguments.course)
    if found is not None:
        print(told(found[0], course=arguments.course))
        return 1
    print(f"no breach in {arguments.runs:,} runs, {time.process_time() - began:.0f} s")
    return 0


def _mutant(mutant, seeds):
    found = find(mutant, seeds)
    if found is None:
        print(f"not found in {len(seeds):,} runs: {MUTANTS[mutant]}")
        return 1
    print(told(found[0], frozenset({mutant}), COURSE.get(mutant)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

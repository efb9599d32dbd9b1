"""Hostile records through the running service: does it live, is every record accounted for, does it grow?

    python -m tests.system.hostile --records 100000 --seed 7

Exit code 0 if all holds. The service runs as a program; a checker with clients and a model of its own
compares every result, dead letter, contract and history entry with what the records should have come to.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from devstack.mongo import find_secantus_rust
from devstack.stack import BROKERS, DATABASES, Stack
from tests.system.hostile.running import Outcome, assault


def main() -> int:
    """Runs as the command line says; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.system.hostile", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--records", type=int, default=100_000, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="what to draw from (default: %(default)s)")
    parser.add_argument("--kafka", choices=[*BROKERS], default="noida", help="default: %(default)s")
    parser.add_argument(
        "--mongo", choices=[*DATABASES], default="secantus-rs" if find_secantus_rust() else "secantus"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hostile-") as name:
        folder = Path(name)
        with Stack(folder, kafka=arguments.kafka, mongo=arguments.mongo) as stack:
            outcome = assault(
                stack.kafka.bootstrap, stack.mongo.uri, folder, arguments.records, arguments.seed, say=print
            )
    return _told(outcome)


def _told(outcome: Outcome) -> int:
    print(outcome)
    for problem in outcome.problems():
        print("PROBLEM:", problem)
    return 1 if outcome.problems() else 0


if __name__ == "__main__":
    sys.exit(main())

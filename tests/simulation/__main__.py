"""Runs schedules: `python -m tests.simulation --runs 100000 --first N`, or one with `--seed N --trace`.

With `--wire` the processes speak Kafka's protocol.
"""

from __future__ import annotations

import argparse
import logging
import sys
import traceback
from time import process_time
from typing import TYPE_CHECKING, Any

import structlog

from tests.simulation import schedule
from tests.simulation.wire import world as wire

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seed", type=int, help="one schedule only")
    parser.add_argument("--trace", action="store_true", help="print what happens in it")
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--wire", action="store_true", help="with Kafka's protocol between client and broker")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at the first failure")
    given = parser.parse_args()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.DEBUG if given.trace else logging.CRITICAL
        )
    )
    logging.getLogger("aiokafka").setLevel(logging.DEBUG if given.trace else logging.CRITICAL)
    run = wire.run if given.wire else schedule.run
    if given.seed is not None:
        return _one(run, given.seed, traced=given.trace)
    return _many(run, range(given.first, given.first + given.runs), keep_going=given.keep_going)


def _one(run: Callable[..., Any], seed: int, *, traced: bool) -> int:
    try:
        run(seed, traced=traced)
    except Exception:  # noqa: BLE001 - whatever it is, it is the finding
        traceback.print_exc()
        return 1
    return 0


def _many(run: Callable[..., Any], seeds: range, *, keep_going: bool) -> int:
    started, failed = process_time(), 0
    for seed in seeds:
        try:
            run(seed)
        except Exception as error:  # noqa: BLE001
            failed += 1
            print(f"seed {seed}: {error!r}", flush=True)
            if not keep_going:
                return _one(run, seed, traced=True)
    print(f"{len(seeds)} schedules, {failed} failed, {process_time() - started:.1f} s of processor")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

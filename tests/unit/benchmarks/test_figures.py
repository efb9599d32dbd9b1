"""The benchmark's arithmetic, and that a contender which has not done its work gets no figure."""

import os
from types import SimpleNamespace

import pytest
from bson import Decimal128

from benchmarks.checks import check_committed, check_contracts, commands_in, expected_of
from benchmarks.contenders.base import WorkNotDone
from benchmarks.keeping import ratios, together
from benchmarks.latency import percentiles
from benchmarks.log import Expected, Log
from benchmarks.procfs import cpu_seconds, memory_mib
from benchmarks.race import Measured, medians, ratio, spread, wait


def run_of(name, speed):
    return Measured(name, 100, 100 / speed, speed, 0.1, 0.2, 0.3, 50)


ROUNDS = [
    [run_of("service", 100), run_of("sink", 200)],
    [run_of("sink", 100), run_of("service", 90)],
    [run_of("service", 110), run_of("sink", 100)],
]


def test_a_ratio_pairs_runs_of_the_same_round():
    """The machine's mood changes between rounds: medians divided by each other would keep it in."""
    assert ratio(ROUNDS, "service", "sink") == 0.9


def test_medians_and_spread():
    assert medians(ROUNDS)["service"]["per_second"] == 100
    assert spread(ROUNDS, "service") == (90, 110)


def test_percentiles():
    found = percentiles([float(number) for number in range(1, 101)])
    assert found == {"p50_ms": 50.5, "p95_ms": 95.05, "p99_ms": 99.01}


def test_ratios_name_what_was_measured_and_nothing_else():
    compared = {"ratios": {"connect_sink": 0.5, "faststream_batch": 0.7, "floor_reading": 0.1}}
    assert ratios({"compare": compared}) == {"connect_sink": 0.5, "faststream_batch": 0.7}
    scaled = {"ratios": {"throughput_1m_over_10k": 0.9, "scan_1m_over_10k": 1.1}}
    assert ratios({"latency": {"ratio": 1.7}, "scale": scaled}) == {
        "latency_p50_over_floor": 1.7,
        "throughput_1m_over_10k": 0.9,
        "scan_1m_over_10k": 1.1,
    }
    assert ratios({"reads": {"idle": {"ratio": 1.01}}}) == {"listener_idle_over_off": 1.01}


def test_a_part_measured_again_says_where_it_is_from():
    kept = {
        "machine": {"commit": "old"},
        "compare": {"ratios": {"connect_sink": 0.5}},
        "latency": {"ratio": 3},
    }
    machine = {"measured_at": "now", "commit": "new", "cores": 2}
    merged = together(kept, {"machine": machine, "latency": {"ratio": 1.7}})
    assert merged["machine"] == {"commit": "old"}
    assert merged["measured"] == {"latency": {"measured_at": "now", "commit": "new"}}
    assert merged["ratios"] == {"connect_sink": 0.5, "latency_p50_over_floor": 1.7}


def test_the_last_log_says_what_is_expected():
    logs = [
        Log(expected={"a": Expected(1.0, 1), "b": Expected(2.0, 1)}),
        Log(expected={"a": Expected(3.0, 2)}),
    ]
    assert expected_of(logs) == {"a": Expected(3.0, 2), "b": Expected(2.0, 1)}
    assert commands_in(logs) == 0


STORED = {"account_id": "a", "base_monthly_fee": Decimal128("3.00"), "version": 2}


@pytest.mark.parametrize(
    ("stored", "why"),
    [
        ([], "1 accounts are not stored"),
        ([STORED, STORED], "stored twice"),
        ([STORED, {**STORED, "account_id": "b"}], "never asked for"),
        ([{**STORED, "base_monthly_fee": Decimal128("2.99")}], "not 3.0"),
        ([{**STORED, "version": 1}], "version 1, not 2"),
    ],
)
def test_work_not_done_is_found(stored, why):
    with pytest.raises(WorkNotDone, match=why):
        check(stored)


def test_work_done_passes():
    check([STORED])


def check(stored):
    database = SimpleNamespace(contracts=SimpleNamespace(find=lambda *_: stored))
    log = Log(expected={"a": Expected(3.0, 2)})
    check_contracts(SimpleNamespace(database=database), [log], lambda contract: contract["base_monthly_fee"])


def test_an_offset_short_of_the_end_is_found():
    check_committed({0: 5, 1: 7}, {0: 5, 1: 7})
    with pytest.raises(WorkNotDone, match="partition 1: committed 6 of 7"):
        check_committed({0: 5, 1: 6}, {0: 5, 1: 7})


def test_a_dead_contender_is_not_waited_for():
    dead = SimpleNamespace(exit_code=3, log_tail=lambda: "out of memory")
    with pytest.raises(WorkNotDone, match="ended with code 3: out of memory"):
        wait(60, [dead], lambda: False)
    slow = SimpleNamespace(exit_code=None, log_tail=lambda: "")
    with pytest.raises(WorkNotDone, match="not done after 0 s"):
        wait(0, [slow], lambda: False)


def test_a_process_is_read_from_proc():
    me = os.getpid()
    before = cpu_seconds(me)
    sum(number * number for number in range(3_000_000))
    assert cpu_seconds(me) > before
    assert 10 < memory_mib(me, "VmRSS") <= memory_mib(me)
    with pytest.raises((ProcessLookupError, FileNotFoundError)):
        memory_mib(2**22 + 1)

"""What one run of the scanner sends, and what it leaves for later."""

import asyncio
import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from consumer.errors import ServiceUnavailable
from consumer.telemetry.metrics import Metrics
from producers import scanner as module
from producers.scanner import Scanner, scan_for_ever
from tests.unit.producers.fakes import NOW, FakeGauge, FakeLease, FakeLog, FakePruner, FakeQueries


def scanner_of(queries: Any, log: FakeLog, lease: FakeLease | None = None, **options: Any) -> Scanner:
    defaults = {"metrics": Metrics(), "max_waiting": 1_000, "clock": lambda: NOW}
    return Scanner(queries, log, log, lease or FakeLease(), **{**defaults, **options})


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for a partition longer than a moment."""
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(module, "POLL_SECONDS", 0.001)


async def test_everything_due_gets_one_command_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 3)
    queries, log, metrics = FakeQueries(8), FakeLog(), Metrics()
    result = await scanner_of(queries, log, metrics=metrics).run_once()
    assert log.accounts == [row.account_id for row in queries.rows]
    assert (result.active, result.due, result.published, result.held) == (True, 8, 8, 0)
    assert queries.pages == [3, 3, 2]
    assert metrics.value("scan_due") == 8
    assert metrics.value("scan_last_success_timestamp_seconds") == NOW.timestamp()
    assert metrics.value("scan_duration_seconds_count") == 1


async def test_the_command_names_contract_and_due_time() -> None:
    log = FakeLog()
    await scanner_of(FakeQueries(1), log).run_once()
    (message,) = log.sent
    assert message.command_id == "advance/contract-0/2026-03-01T11:00:00.000Z"
    assert json.loads(message.value) == {"contract_id": "contract-0", "due_at": "2026-03-01T11:00:00Z"}
    again = FakeLog()
    await scanner_of(FakeQueries(1), again).run_once()
    assert again.sent == [message]


async def test_nothing_due_is_a_success() -> None:
    metrics = Metrics()
    result = await scanner_of(FakeQueries(0), FakeLog(), metrics=metrics).run_once()
    assert (result.active, result.due) == (True, 0)
    assert metrics.value("scan_due") == 0


async def test_a_scanner_without_the_lease_reads_nothing() -> None:
    queries, log, metrics = FakeQueries(3), FakeLog(), Metrics()
    result = await scanner_of(queries, log, FakeLease(0), metrics=metrics).run_once()
    assert (result.active, log.sent, queries.pages) == (False, [], [])
    assert metrics.value("scan_duration_seconds_count") == 0


async def test_a_scanner_that_loses_the_lease_stops_after_its_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    log = FakeLog()
    result = await scanner_of(FakeQueries(6), log, FakeLease(2)).run_once()
    assert (result.published, len(log.sent)) == (4, 4)


async def test_a_full_partition_gets_more_as_the_service_catches_up() -> None:
    queries, log = FakeQueries(40), FakeLog()
    result = await scanner_of(queries, log, max_waiting=3).run_once()
    assert sorted(log.accounts) == sorted(row.account_id for row in queries.rows)
    assert (result.published, result.held) == (40, 0)
    assert log.looks >= 40 / 2 / 3


async def test_a_long_scan_tells_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even within a page: waiting for the service is what takes long."""
    monkeypatch.setattr("producers.scan_run.PROGRESS_SECONDS", -1)
    with capture_logs() as told:
        await scanner_of(FakeQueries(40), FakeLog(), max_waiting=3).run_once()
    published = [each["published"] for each in told if each["event"] == "scanning"]
    assert len(published) > 5
    assert (sorted(published), published[-1]) == (published, 40)


async def test_no_partition_ever_has_more_waiting_than_allowed() -> None:
    log = FakeLog()
    log.applying.clear()
    log.ends[0] = 2  # what others sent counts, too
    result = await scanner_of(FakeQueries(40), log, max_waiting=3).run_once()
    assert dict(log.ends) == {0: 3, 1: 3}
    assert (result.due, result.published, result.held) == (40, 4, 36)


async def test_a_partition_that_stands_still_does_not_hold_up_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PAGE", 4)
    log = FakeLog()
    log.applying = {1}
    result = await scanner_of(FakeQueries(20), log, max_waiting=2).run_once()
    assert dict(log.ends) == {0: 2, 1: 10}
    assert (result.published, result.held) == (12, 8)
    # Patience was spent once, not with every page.
    assert log.looks < 200


async def test_what_was_sent_before_is_not_sent_again_until_it_is_applied() -> None:
    log = FakeLog()
    log.applying.clear()
    scanner = scanner_of(FakeQueries(6), log)
    assert (await scanner.run_once()).published == 6
    assert (await scanner.run_once()).held == 6
    assert len(log.sent) == 6
    log.applied[0] = log.ends[0]
    result = await scanner.run_once()
    assert (result.published, result.held) == (3, 3)
    assert {message.account_id for message in log.sent[6:]} == {"a0", "a2", "a4"}


async def test_a_log_that_was_made_anew_is_not_waited_for() -> None:
    log = FakeLog()
    scanner = scanner_of(FakeQueries(6), log)
    assert (await scanner.run_once()).published == 6
    log.ends.clear()
    log.applied.clear()
    assert (await scanner.run_once()).published == 6


async def test_it_goes_on_after_a_failure_and_lets_go_at_the_end() -> None:
    queries, log, lease = FakeQueries(1), FakeLog(), FakeLease()
    due, failures = queries.due, [ServiceUnavailable("away"), ServiceUnavailable("away")]

    async def at_last(*arguments: Any) -> Any:
        if failures:
            raise failures.pop()
        async for page in due(*arguments):
            yield page

    queries.due = at_last
    beats = asyncio.Queue[None]()
    task = asyncio.create_task(
        scan_for_ever(
            scanner_of(queries, log, lease),
            FakeGauge(),
            FakePruner(),
            0.001,
            beat=lambda: beats.put_nowait(None),
        )
    )
    async with asyncio.timeout(10):
        while not log.sent:
            await beats.get()
    task.cancel()
    await asyncio.wait({task})
    assert lease.released
    assert log.accounts[0] == "a0"

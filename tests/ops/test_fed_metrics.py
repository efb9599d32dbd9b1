"""The metrics that alerts look at are fed by the running service, in trouble as well."""

import asyncio
from collections.abc import Callable
from typing import Any

from consumer.telemetry.metrics import Metrics
from producers.connect import make_command_producer
from tests.running import running, settings_for

SECONDS = 60


async def until(holds: Callable[[], Any]) -> None:
    """Wait for a metric; nothing signals its change."""
    async with asyncio.timeout(SECONDS):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def total(metrics: Metrics, name: str, **labels: str) -> float:
    """The sum over all label sets that have these labels."""
    return sum(
        sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == f"contracts_{name}" and labels.items() <= sample.labels.items()
    )


async def test_contracts_and_operations_are_counted(kafka: Any, mongo: Any, database: str) -> None:
    settings = settings_for(kafka, mongo, database)
    async with running(settings) as service, make_command_producer(settings) as commands:
        for number in range(5):
            await commands.awaiting().create(f"account-{number}", contract_type="basic")
        metrics = service.metrics
        assert total(metrics, "stored", contract_type="basic") == 5
        assert metrics.value("input_partitions") == metrics.value("owned_partitions") == 3
        for operation in ("find", "update", "insert", "commitTransaction"):
            count = total(metrics, "mongo_operations_total", operation=operation, result="ok")
            assert count == total(metrics, "mongo_operation_duration_seconds_count", operation=operation) > 0
        assert total(metrics, "partition_stopped") == 0
    async with running(settings) as service:  # a fresh process learns it when it takes over
        await until(lambda: total(service.metrics, "stored", contract_type="basic") == 5)


async def test_what_waits_is_told_while_mongodb_is_away(kafka: Any, mongo: Any, database: str) -> None:
    settings = settings_for(kafka, mongo, database, mongo_timeout_ms=1_000)
    async with running(settings) as service, make_command_producer(settings) as commands:
        await commands.awaiting().create("before", contract_type="basic")
        mongo.pause()
        try:
            for number in range(20):
                await commands.create(f"waits-{number}", contract_type="basic")
            metrics = service.metrics
            await until(lambda: total(metrics, "consumer_lag_records") >= 20)
            await until(lambda: total(metrics, "resumes_total", reason="StoreUnavailable") >= 1)
            await until(
                lambda: (
                    total(metrics, "mongo_operations_total")
                    > total(metrics, "mongo_operations_total", result="ok")
                )
            )
            age = total(metrics, "consumer_lag_seconds")
            await until(lambda: total(metrics, "consumer_lag_seconds") > age + 1)
        finally:
            mongo.resume()
        await until(lambda: total(metrics, "stored") == 21)
        await until(lambda: total(metrics, "consumer_lag_records") == 0)
        assert total(metrics, "consumer_lag_seconds") == 0


async def test_a_stopped_partition_is_told_and_its_lag_grows(kafka: Any, mongo: Any, database: str) -> None:
    settings = settings_for(kafka, mongo, database)
    async with running(settings) as service, make_command_producer(settings) as commands:
        await commands.awaiting().create("account", contract_type="basic")
        await service.database.positions.update_many({}, {"$set": {"cluster": "another"}})
    async with running(settings) as service, make_command_producer(settings) as commands:
        metrics = service.metrics
        await until(lambda: total(metrics, "partition_stopped", reason="ClusterChanged") == 3)
        assert total(metrics, "partition_stopped", reason="none") == 0
        for number in range(9):
            await commands.create(f"waits-{number}", contract_type="basic")
        await until(lambda: total(metrics, "consumer_lag_records") > 0)

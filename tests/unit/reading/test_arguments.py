"""Whatever is no text, number or time is refused by every method, and none of it reaches a database."""

import inspect
from datetime import datetime
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from consumer.arguments import ARGUMENTS
from consumer.errors import InputRefused
from consumer.reading.reader import ContractReader
from consumer.reading.statistics import ContractStatistics
from consumer.reading.temporal import ContractActivities
from producers.async_manager import AsyncContractManager
from producers.commands import CommandProducer
from producers.manager import ContractManager
from producers.messages import command_message, unchecked_message
from producers.testkit import Testkit

OPERATOR = {"$ne": None}


def wrong(name: str) -> list[Any]:
    """Values that are of no use for an argument of this name."""
    kind = ARGUMENTS[name][0]
    values: list[Any] = [OPERATOR, ["x"], b"x", object(), 7.5, "x", True, datetime(2026, 1, 1)]  # noqa: DTZ001
    return [value for value in values if kind in (int, datetime) or not isinstance(value, kind)]


def methods(kind: type[Any]) -> list[tuple[str, str]]:
    """Each public method and each of its arguments that is checked."""
    return [
        (name, argument)
        for name, method in vars(kind).items()
        if inspect.isfunction(method) and not name.startswith("_")
        for argument in inspect.signature(method).parameters
        if argument in ARGUMENTS
    ]


GOOD: dict[str, Any] = {
    "account_id": "a",
    "contract_id": "c",
    "version": 1,
    "changes": {},
    "moment": datetime.fromisoformat("2026-01-01T00:00:00Z"),
    "start": datetime.fromisoformat("2026-01-01T00:00:00Z"),
    "end": datetime.fromisoformat("2026-01-02T00:00:00Z"),
    "name": "create",
    "data": {},
    "days": 1,
}


class Untouched:
    """Stands for a database or a log that nobody may ask."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was asked")


def parts() -> list[tuple[Any, str, str]]:
    manager = ContractManager.__new__(ContractManager)
    manager._manager = Untouched()  # type: ignore[assignment]
    made = [
        ContractReader(Untouched()),  # type: ignore[arg-type]
        ContractStatistics(Untouched()),  # type: ignore[arg-type]
        AsyncContractManager(Untouched(), Untouched()),  # type: ignore[arg-type]
        manager,
        Testkit(),
    ]
    return [(part, name, argument) for part in made for name, argument in methods(type(part))]


@pytest.mark.parametrize(
    ("part", "name", "argument"),
    parts(),
    ids=lambda each: each if isinstance(each, str) else type(each).__name__,
)
async def test_every_argument_of_every_method_is_checked(part: Any, name: str, argument: str) -> None:
    required = {
        each: GOOD[each]
        for each, parameter in inspect.signature(getattr(part, name)).parameters.items()
        if parameter.default is inspect.Parameter.empty and each in GOOD
    }
    for value in wrong(argument):
        with pytest.raises(InputRefused, match=f"^{argument} must be") as refused:
            await _called(getattr(part, name), required | {argument: value})
        assert refused.value.errors


async def _called(method: Any, arguments: dict[str, Any]) -> None:
    answer = method(**arguments)
    if inspect.isasyncgen(answer):
        await anext(answer)
    elif inspect.isawaitable(answer):
        await answer


@pytest.mark.parametrize(
    "argument", ["name", "account_id", "data", "source", "command_id", "correlation_id", "at"]
)
def test_every_command_is_checked_where_it_is_made(argument: str) -> None:
    good = {"name": "activate", "account_id": "a", "data": {}, "source": "/x"}
    for value in wrong(argument):
        with pytest.raises(InputRefused, match=f"^{argument} must be"):
            command_message(**good | {argument: value})
    with pytest.raises(InputRefused, match=r"^account_id must be text"):
        unchecked_message("activate", OPERATOR, b"{}", source="/x")  # type: ignore[arg-type]


async def test_a_producer_refuses_before_it_connects() -> None:
    producer = CommandProducer.__new__(CommandProducer)
    producer._source, producer._max_bytes = "/x", 1_000
    with pytest.raises(InputRefused, match=r"^account_id must be text"):
        producer.message("activate", OPERATOR, {})  # type: ignore[arg-type]


async def test_an_activity_does_not_try_again() -> None:
    activities = ContractActivities(ContractReader(Untouched()))  # type: ignore[arg-type]
    with pytest.raises(ApplicationError) as failed:
        await activities.fetch_contract(OPERATOR)  # type: ignore[arg-type]
    assert (failed.value.type, failed.value.non_retryable) == ("InputRefused", True)


@pytest.mark.parametrize("windows", [None, 7, "7", b"7", {"$ne": 1}, ["7"], [True], [-1], [10**30]])
async def test_windows_are_numbers_of_days(windows: Any) -> None:
    statistics = ContractStatistics(Untouched())  # type: ignore[arg-type]
    for method in (statistics.expiring, statistics.expiring_counts):
        with pytest.raises(InputRefused, match="days"):
            await method(windows)


async def test_days_beyond_the_calendar_are_refused() -> None:
    statistics = ContractStatistics(Untouched())  # type: ignore[arg-type]
    with pytest.raises(InputRefused, match="days"):
        await statistics.recent_movements(10**30)
    first = datetime.fromisoformat("0001-01-01T00:00:00+05:00")
    with pytest.raises(InputRefused, match="years 1 to 9999"):
        await statistics.movements(first, GOOD["end"])


async def test_half_a_pair_of_surrogates_is_no_text() -> None:
    reader = ContractReader(Untouched())  # type: ignore[arg-type]
    with pytest.raises(InputRefused, match="account_id must be Unicode text"):
        await reader.by_account("\ud800")

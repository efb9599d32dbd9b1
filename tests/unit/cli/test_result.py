"""`contracts result` and the forms of `contracts expiring`, with a reader that answers from a list."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from consumer import errors
from consumer.cli import expiring, result
from consumer.cli.output import NOTHING
from consumer.reading.views import ExpiringContract, HistoryItem, Page

pytestmark = pytest.mark.usefixtures("as_it_was")

AT = datetime(2026, 1, 31, tzinfo=UTC)


def item(**fields: Any) -> HistoryItem:
    known = {"command_id": "id-1", "source": "/crm", "command": "create", "by": "Ann", "code": None}
    return HistoryItem(
        **{
            "sequence": 1,
            "occurred_at": AT,
            "outcome": "applied",
            "contract_id": "c-1",
            "version": 1,
            **known,
            "changes": (),
            **fields,
        }
    )


PRUNED = item(command_id=None, source=None, command=None, by=None)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> list[HistoryItem]:
    """What the reader knows."""
    items: list[HistoryItem] = []

    class Reader:
        async def command(self, account_id: str, command_id: str, source: str) -> tuple[HistoryItem, ...]:
            assert (account_id, command_id) == ("acme", "id-1")
            return tuple(items)

    @asynccontextmanager
    async def opened() -> AsyncIterator[Reader]:
        yield Reader()

    async def why_nothing() -> str:
        return NOTHING

    monkeypatch.setattr(result, "opened_reader", opened)
    monkeypatch.setattr(result, "why_nothing", why_nothing)
    return items


def test_each_time_it_came_has_a_row(contracts, known) -> None:
    known += [item(outcome="duplicate"), item()]
    ran = contracts("result", "id-1", "--account", "acme", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert [(row["outcome"], row["source"], row["pruned"]) for row in ran.json] == [
        ("duplicate", "/crm", False),
        ("applied", "/crm", False),
    ]


def test_a_pruned_record_says_so(contracts, known) -> None:
    known += [PRUNED]
    ran = contracts("result", "id-1", "--account", "acme", "--source", "/crm", "--json")
    assert [(row["source"], row["command"], row["pruned"]) for row in ran.json] == [("/crm", None, True)]
    assert ran.code == 0
    assert ran.err.startswith("pruned: ")


@pytest.mark.parametrize("source", [[], ["--source", "/another"]], ids=["any", "another"])
def test_what_is_not_known_has_an_exit_code(contracts, known, source: list[str]) -> None:
    known += [item()] if source else []
    ran = contracts("result", "id-1", "--account", "acme", *source)
    assert (ran.code, ran.out) == (errors.CommandNotFound.exit_code, "")
    asked = "id-1 from /another" if source else "id-1"
    assert f"the history has no command {asked} for account acme" in ran.err
    assert "hint: " in ran.err


@pytest.mark.parametrize(
    "arguments",
    [["--csv", "--ical"], ["--ical", "--json"], ["--spreadsheet-safe"], ["--csv", "--limit", "5"]],
    ids=" ".join,
)
def test_forms_that_do_not_go_together(contracts, arguments: list[str]) -> None:
    ran = contracts("expiring", *arguments)
    assert (ran.code, ran.out) == (2, "")


@pytest.mark.parametrize("form", ["--csv", "--ical"])
def test_all_pages_are_printed(contracts, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    def ending(number: int) -> ExpiringContract:
        stored = {"account_id": f"a-{number}", "contract_id": f"c-{number}", "contract_type": "basic"}
        dates = {"end_date": AT, "renewal_date": AT, "term_number": 1, "scheduled_changes": []}
        money = {"base_monthly_fee": 1, "currency": "USD"}
        return ExpiringContract({**stored, **dates, **money}, 1, "renews", None)  # type: ignore[arg-type]

    class Reader:
        async def expiring(self, days: int, *, limit: int, after: str | None) -> Page[ExpiringContract]:
            assert days == 30
            return Page((ending(2),), None) if after else Page((ending(1),), "more")

    @asynccontextmanager
    async def opened() -> AsyncIterator[Reader]:
        yield Reader()

    monkeypatch.setattr(expiring, "opened_reader", opened)
    ran = contracts("expiring", form)
    assert (ran.code, ran.err) == (0, "")
    assert "a-1" in ran.out
    assert "a-2" in ran.out

"""`contracts state backfill`: what was refused is named, and the exit code says so."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from consumer.cli import state
from consumer.errors import InputRefused
from producers.backfill import Backfill
from producers.bulk_report import ImportReport, RefusedRow
from producers.testkit import Testkit
from tests.unit.producers.test_bulk import KitCommands


def reports(monkeypatch: pytest.MonkeyPatch, report: ImportReport) -> None:
    async def backfill(*_: Any) -> ImportReport:
        return report

    monkeypatch.setattr(state, "_backfill", backfill)


def test_refused_states_are_an_error(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    reports(monkeypatch, ImportReport(rows=5, unchanged=3, refused=2, by_code={"malformed": 2}))
    with pytest.raises(InputRefused, match="2 of 5 states were refused"):
        state.backfill(after=None, as_json=True)
    assert '"malformed":2' in capsys.readouterr().out.replace(" ", "")


def test_without_refused_states_it_succeeds(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    reports(monkeypatch, ImportReport(rows=5, unchanged=5))
    state.backfill(after=None, as_json=True)
    assert '"refused":0' in capsys.readouterr().out.replace(" ", "")


class Stored:
    """The contract of one account, and one of an account that no command can name."""

    def __init__(self, kit: Testkit) -> None:
        self._kit = kit

    async def page(self, _selection: Any, after: str | None, _size: int) -> list[Any]:
        contract = self._kit.contract("a")
        return [contract, {**contract, "account_id": "b\n"}] if after is None else []

    async def contracts(self, _accounts: Any) -> dict[str, Any]:
        return {}


async def nothing() -> AsyncIterator[Any]:
    for record in ():
        yield record


async def test_each_refused_account_is_named() -> None:
    kit, refused = Testkit(), list[RefusedRow]()
    await kit.create("a", contract_type="basic")
    stored: Any = Stored(kit)
    commands: Any = KitCommands(kit)
    report = await Backfill(stored, commands, on_refused=refused.append).run(nothing())
    assert (report.rows, report.unchanged, report.refused) == (2, 1, 1)
    assert [row.place for row in refused] == ["b\n"]

"""What `contracts shadow` says beside the differences."""

from typing import Any

import pytest

from consumer.cli import shadow as command
from consumer.cli.running import KAFKA, MONGODB
from consumer.errors import DecidesOtherwise
from consumer.operator import shadow_against, shadowing
from consumer.operator.differences import Difference
from consumer.operator.shadow import Report
from consumer.operator.shadow_records import Foreign, Lane

ONE = Difference("contracts", "c1", 0, 7, "/size", "1", "2")


def report(**told: Any) -> Report:
    nothing: dict[str, Any] = {
        "commands": 9,
        "documents": 9,
        "outputs": 9,
        "found": 0,
        "differences": (),
        "uncounted": (),
        "deleted": {},
        "foreign": {},
    }
    return Report(**{**nothing, **told})


def compares(monkeypatch: pytest.MonkeyPatch, told: Report) -> None:
    async def compare(_settings: Any, on_progress: Any, *_: Any) -> Report:
        on_progress(0)
        return told

    monkeypatch.setattr(shadowing, "compare", compare)


def run(against: str | None = None) -> None:
    command.shadow(from_="start", against=against, limit=20, as_json=True)


def test_deleted_outputs_are_named(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    compares(monkeypatch, report(deleted={Lane("contracts.changed", 2): 512}))
    run()
    told = capsys.readouterr().err
    assert "outputs in contracts.changed of commands of partition 2 before offset 512" in told


def test_foreign_records_are_named(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    compares(monkeypatch, report(foreign={("contracts.changed", 2): Foreign(3, 512)}))
    run()
    told = capsys.readouterr().err
    assert "3 records of partition 2 of contracts.changed, from offset 512 on, are not the service's" in told


def test_all_differences_are_counted(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    compares(monkeypatch, report(found=12_345, differences=(ONE,)))
    with pytest.raises(DecidesOtherwise):
        run()
    assert "12,345 differences" in capsys.readouterr().err


async def test_servers_are_waited_for_until_they_have_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison itself takes hours, and so does that of the other release, which comes first."""
    asked: list[str] = []

    async def of_release(*_: Any) -> list[Difference]:
        assert asked == []
        return []

    async def compare(_settings: Any, on_progress: Any, *_: Any) -> Report:
        assert asked == [KAFKA, MONGODB]
        on_progress(0)
        assert asked == []
        return report()

    monkeypatch.setattr(shadow_against, "of_release", of_release)
    monkeypatch.setattr(shadowing, "compare", compare)
    assert await command._compare("start", "other", 20, asked) == (report(), [], "0")

"""Where runbooks are served is one setting: all that links there follows it."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from ops import runbooks


def test_the_files_are_what_the_setting_makes() -> None:
    assert runbooks.RULES.read_text() == runbooks.rules(), "run `make runbooks`"
    assert runbooks.PROMETHEUS_RULE.read_text() == runbooks.prometheus_rule(), "run `make runbooks`"


def test_links_are_absolute() -> None:
    parts = urlsplit(runbooks.address("ContractsFenced"))
    assert parts.scheme == "https"
    assert parts.netloc
    assert parts.path.endswith("/ContractsFenced.html")


@pytest.fixture
def copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("SETTING", "RULES", "PROMETHEUS_RULE"):
        original = getattr(runbooks, name)
        copy = tmp_path / original.name
        copy.write_text(original.read_text())
        monkeypatch.setattr(runbooks, name, copy)
    return tmp_path


def test_another_setting_moves_every_link(copies: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["runbooks", "https://wiki.example.org/on-call/"])
    assert runbooks.main() == 0
    for name, groups in (("contracts.yml", ("groups",)), ("rules.yaml", ("spec", "groups"))):
        found = yaml.safe_load((copies / name).read_text())
        for part in groups:
            found = found[part]
        links = [
            rule["annotations"]["runbook_url"] for each in found for rule in each["rules"] if "alert" in rule
        ]
        assert len(links) > 10
        assert all(link.startswith("https://wiki.example.org/on-call/Contracts") for link in links)


def test_an_address_that_is_not_absolute_is_refused(
    copies: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = runbooks.SETTING.read_text()
    monkeypatch.setattr("sys.argv", ["runbooks", "docs/runbooks"])
    assert runbooks.main() == 2
    assert "no absolute address" in capsys.readouterr().err
    assert runbooks.SETTING.read_text() == before

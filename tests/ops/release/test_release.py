"""Releases: a version that differs somewhere is found, and what is built holds what it should."""

import re
import shutil
from pathlib import Path
from zipfile import ZipFile

import pytest

from tools import release
from tools.versions import ROOT, differences, notes, places, version

FILES = ("pyproject.toml", "CHANGELOG.md", "README.md", "schemas/published/asyncapi.json")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Of all files that name the version."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for folder in ("docs", "ops/kubernetes"):
        shutil.copytree(
            ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "*.png")
        )
    return tmp_path


def test_the_version_is_everywhere_the_same() -> None:
    assert differences() == []


def test_every_kind_of_place_is_looked_at() -> None:
    seen = {re.split(r"[/,]", place)[0] for place, _ in places()}
    assert seen == {"CHANGELOG.md", "schemas", "ops", "docs"}


PLANTED = {
    "pyproject.toml": (f'\nversion = "{version()}"', '\nversion = "9.9.9"'),
    "CHANGELOG.md": (f"\n## {version()} ", "\n## 9.9.9 "),
    "schemas/published/asyncapi.json": (f'"version": "{version()}"', '"version": "9.9.9"'),
    "ops/kubernetes/kustomization.yaml": (f'newTag: "{version()}"', 'newTag: "latest"'),
    "docs/kubernetes.md": (f'newTag: "{version()}"', 'newTag: "9.9.9"'),
}


@pytest.mark.parametrize("file", PLANTED)
def test_a_difference_is_found(copy: Path, file: str) -> None:
    assert differences(copy) == []
    path = copy / file
    right, wrong = PLANTED[file]
    assert right in path.read_text()
    path.write_text(path.read_text().replace(right, wrong, 1))
    found = differences(copy)
    assert found
    assert all("9.9.9" in line or "latest" in line for line in found)
    if file != "pyproject.toml":
        assert [line.startswith(file) for line in found] == [True]


def test_a_difference_stops_the_release(
    copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(release, "differences", lambda: ["CHANGELOG.md: 9.9.9, not 1.0.0"])
    monkeypatch.setattr("sys.argv", ["release", "--into", str(copy / "dist")])
    assert release.main() == 1
    assert "CHANGELOG.md: 9.9.9" in capsys.readouterr().out
    assert not (copy / "dist").exists()


def test_what_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(release, "docker_answers", lambda: False)
    monkeypatch.setattr("sys.argv", ["release", "--into", str(tmp_path)])
    assert release.main() == 0
    assert "was NOT built: no Docker engine answers" in capsys.readouterr().out
    names = {path.name for path in tmp_path.iterdir()}
    wheels = {f"contract_service{kind}-{version()}-py3-none-any.whl" for kind in ("", "_client")}
    assert names == {*wheels, f"RELEASE-NOTES-{version()}.md", "SHA256SUMS"}
    assert notes() in (tmp_path / f"RELEASE-NOTES-{version()}.md").read_text()
    with ZipFile(tmp_path / f"contract_service-{version()}-py3-none-any.whl") as archive:
        packages = {name.partition("/")[0] for name in archive.namelist() if ".dist-info" not in name}
    assert packages == {"consumer", "producers", "schemas", "devstack"}
